// A predictor asked, against the same net read directly; and pictures while a model
// trains.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "gmock/gmock.h"
#include "graph/base/random.h"
#include "gtest/gtest.h"
#include "models/data/image_io.h"
#include "models/droppos/droppos.h"
#include "models/training/session.h"
#include "tests/models/training/tiny_run.h"
#include "tools/plugins.h"
#include "tools/vis/position_visualizer.h"

namespace tools {
namespace {

using models::Image;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

// With a configuration that the caller may change.
models::DropPosConfig* Configure(models::ZooEntry* entry) {
  auto config = std::make_shared<models::DropPosConfig>(models::TinyDropPosConfig(true));
  models::DropPosConfig* const changeable = config.get();
  entry->options = std::move(config);
  return changeable;
}

models::ZooEntry TinyEntry(int height = 32, int width = 32) {
  models::ZooEntry entry = MakeZoo().Find("droppos_tiny").value();
  entry.model = models::TinyModelConfig();
  entry.model.input_h = height;
  entry.model.input_w = width;
  Configure(&entry);
  return entry;
}

std::string Bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class Predictions : public ::testing::Test {
 protected:
  graph::CompileOptions Compile() const { return engine_.Options(1).compile; }

  static void Fill(const std::vector<models::Parameter>& parameters, graph::Workspace* workspace) {
    for (const models::Parameter& parameter : parameters) {
      graph::RandomStream random(graph::HashName(parameter.name), graph::Purpose::kNoise);
      // Small biases: answers should hang on the image.
      const double scale = parameter.type.rank() == 1 ? 0.02 : 0.5;
      const double center =
          absl::StrContains(parameter.name, "norm") && absl::EndsWith(parameter.name, "weight") ? 1
                                                                                                : 0;
      std::vector<float> values(parameter.type.elements());
      for (float& v : values)
        v = static_cast<float>(random.Uniform(center - scale, center + scale));
      models::SetBlob(workspace, parameter.name, values);
    }
  }

  std::unique_ptr<PositionPredictor> Predictor(const models::ZooEntry& entry, int batch = 1) {
    auto predictor = PositionPredictor::Create(entry, batch, {}, Compile(), &workspace_);
    EXPECT_TRUE(predictor.ok()) << predictor.status();
    Fill((*predictor)->parameters(), &workspace_);
    return std::move(predictor).value();
  }

  models::TinyEngine engine_;
  graph::Workspace workspace_{engine_.backend.device};
};

std::vector<PictureToAsk> Pictures(int count) {
  return ChoosePictures(models::GradientImages(count), count).value();
}

template <typename T>
std::vector<T> Values(const models::ForwardNet& net, const char* output) {
  return net.Read<T>(output).value();
}

struct Case {
  int height, width;
  int batch;
};

class PredictionsOf : public Predictions, public ::testing::WithParamInterface<Case> {};

// All pictures through a net of their own, without passes, each answer by hand.
TEST_P(PredictionsOf, EqualTheArgmaxOfTheLogits) {
  const Case c = GetParam();
  const models::ZooEntry entry = TinyEntry(c.height, c.width);
  constexpr int kPictures = 5;
  const std::vector<PictureToAsk> pictures = Pictures(kPictures);
  const auto all = Predictor(entry, c.batch)->Predict(pictures, 4);
  ASSERT_TRUE(all.ok()) << all.status();
  ASSERT_EQ(all->size(), pictures.size());

  graph::Workspace apart(engine_.backend.device);
  graph::CompileOptions plain = Compile();
  plain.passes.enabled = false;
  const auto direct = models::ForwardNet::Compile(
      "direct", plain,
      [&](models::ModelBuilder* b) -> models::ForwardNet::Outputs {
        const models::DropPosBlobs blobs = models::BuildDropPos(
            b, entry.model, models::DropPosOf(entry), kPictures, models::NoiseSource::kKeys);
        return {{"ids_keep", blobs.ids_keep},
                {"mask_pos", blobs.mask_pos},
                {"logits", blobs.logits},
                {"loss", blobs.loss}};
      },
      &apart);
  ASSERT_TRUE(direct.ok()) << direct.status();
  Fill((*direct)->parameters(), &apart);
  models::Batch batch;
  models::ImageTransform transform(c.width, c.height);
  batch.images.resize(kPictures * transform.output_size());
  for (int i = 0; i < kPictures; ++i) {
    transform.Evaluate(pictures[i].image, &batch.images[i * transform.output_size()]);
    batch.keys.push_back(static_cast<int64_t>(graph::SampleKey(4, 0, pictures[i].id)));
  }
  ASSERT_TRUE((*direct)->Feed(batch).ok());
  ASSERT_TRUE((*direct)->Run().ok());
  const std::vector<float> logits = Values<float>(**direct, "logits");
  const std::vector<int32_t> ids = Values<int32_t>(**direct, "ids_keep");
  const std::vector<uint8_t> mask = Values<uint8_t>(**direct, "mask_pos");

  const int cells = entry.model.num_patches(),
            visible = models::DropPosOf(entry).num_visible(cells);
  std::set<int> predicted;
  for (int i = 0; i < kPictures; ++i) {
    const PositionAnswers& answers = (*all)[i];
    EXPECT_EQ(answers.name, pictures[i].name);
    EXPECT_EQ(answers.grid_h(), c.height / 8);
    EXPECT_EQ(answers.grid_w(), c.width / 8);
    ASSERT_EQ(answers.patches.size(), static_cast<size_t>(visible));
    EXPECT_EQ(answers.asked(), visible - models::DropPosOf(entry).num_pos_kept(visible));
    std::map<int, int> place;  // of a cell among the visible patches
    for (int at = i * visible; at < (i + 1) * visible; ++at) place[ids[at]] = at;
    for (size_t k = 0; k < answers.patches.size(); ++k) {
      const VisiblePatch& patch = answers.patches[k];
      if (k > 0) {
        EXPECT_LT(answers.patches[k - 1].cell, patch.cell);
      }
      ASSERT_EQ(place.count(patch.cell), 1u);
      const int at = place[patch.cell];
      EXPECT_EQ(patch.has_position, mask[at] == 0);
      if (patch.has_position) continue;
      int best = 0;
      double sum = 0;
      for (int j = 0; j < cells; ++j) {
        if (logits[at * cells + j] > logits[at * cells + best]) best = j;
      }
      for (int j = 0; j < cells; ++j) {
        sum += std::exp(double{logits[at * cells + j]} - logits[at * cells + best]);
      }
      EXPECT_EQ(patch.predicted, best);
      EXPECT_NEAR(patch.confidence, 1 / sum, 1e-4);
      predicted.insert(best);
    }
  }
  EXPECT_GT(predicted.size(), 1u) << "a net that always says the same shows nothing";
}

INSTANTIATE_TEST_SUITE_P(Sizes, PredictionsOf,
                         ::testing::Values(Case{32, 32, 1}, Case{32, 32, 2}, Case{24, 56, 1},
                                           Case{72, 16, 7}));

TEST_F(Predictions, ImageIsWhatTheModelGets) {
  // Of the model's size: untouched. And one with a white strip beside the centre,
  // that the evaluation's crop cuts away.
  std::vector<PictureToAsk> pictures = Pictures(1);
  pictures.push_back({"wide", 1, Image::Sized(120, 32)});
  for (int i = 0; i < 120 * 32; ++i) {
    const uint8_t blue[] = {0x10, 0x80, 0xf0}, white[] = {255, 255, 255};
    std::copy_n(i % 120 < 20 ? white : blue, 3, &pictures[1].image.rgb[3 * i]);
  }
  const auto answers = Predictor(TinyEntry())->Predict(pictures, 1);
  ASSERT_TRUE(answers.ok()) << answers.status();
  EXPECT_EQ((*answers)[0].image.rgb, pictures[0].image.rgb);
  const Image& crop = (*answers)[1].image;
  ASSERT_EQ(crop.width, 32);
  ASSERT_EQ(crop.height, 32);
  for (int i = 0; i < 32 * 32; ++i) {
    const uint8_t* p = &crop.rgb[3 * i];
    ASSERT_EQ((std::vector<int>{p[0], p[1], p[2]}), (std::vector<int>{0x10, 0x80, 0xf0})) << i;
  }
}

TEST_F(Predictions, SeedAndPictureChooseTheMasks) {
  const auto predictor = Predictor(TinyEntry());
  const auto cells = [&](uint64_t seed, uint64_t id) {
    std::vector<PictureToAsk> pictures = Pictures(1);
    pictures[0].id = id;
    const std::vector<PositionAnswers> answers = predictor->Predict(pictures, seed).value();
    std::vector<std::pair<int, bool>> cells;
    for (const VisiblePatch& patch : answers[0].patches) {
      cells.emplace_back(patch.cell, patch.has_position);
    }
    return cells;
  };
  EXPECT_EQ(cells(1, 1), cells(1, 1));
  EXPECT_NE(cells(1, 1), cells(2, 1));
  EXPECT_NE(cells(1, 1), cells(1, 2));
}

TEST_F(Predictions, RatiosOfTheEntryAreAsked) {
  models::ZooEntry entry = TinyEntry();
  models::DropPosConfig* const config = Configure(&entry);
  config->mask_ratio = 0;
  config->pos_mask_ratio = 1;
  const auto predictor = Predictor(entry);
  const auto answers = predictor->Predict(Pictures(1), 1);
  ASSERT_TRUE(answers.ok()) << answers.status();
  EXPECT_EQ((*answers)[0].patches.size(), 16u);
  EXPECT_EQ((*answers)[0].asked(), 16);
}

// Trained with pixels to reconstruct, it can be asked at ratios that leave none.
TEST_F(Predictions, MultiTaskIsAskedWithAllPatchesVisible) {
  models::ZooEntry entry = TinyEntry();
  models::DropPosConfig* const config = Configure(&entry);
  config->drop_pos_type = "multi_task";
  config->mask_ratio = 0;
  const auto answers = Predictor(entry)->Predict(Pictures(1), 1);
  ASSERT_TRUE(answers.ok()) << answers.status();
  EXPECT_EQ((*answers)[0].patches.size(), 16u);
}

TEST_F(Predictions, RefusesWhatIsNoDropPosModel) {
  const models::ZooEntry classifier = MakeZoo().Find("vit_tiny").value();
  const absl::Status status =
      PositionPredictor::Create(classifier, 1, {}, Compile(), &workspace_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("vit_tiny"));
  models::ZooEntry pixels = TinyEntry();
  Configure(&pixels)->drop_pos_type = "vanilla_mae";
  EXPECT_EQ(PositionPredictor::Create(pixels, 1, {}, Compile(), &workspace_).status().code(),
            absl::StatusCode::kInvalidArgument);
  models::ZooEntry impossible = TinyEntry();
  Configure(&impossible)->mask_ratio = 1;
  EXPECT_FALSE(PositionPredictor::Create(impossible, 1, {}, Compile(), &workspace_).ok());
}

TEST_F(Predictions, NonFiniteAnswersAreAnError) {
  const auto predictor = Predictor(TinyEntry());
  models::SetElement(&workspace_, "decoder_pred.bias", 2, std::numeric_limits<float>::quiet_NaN());
  const auto answers = predictor->Predict(Pictures(1), 1);
  EXPECT_THAT(std::string(answers.status().message()), HasSubstr("gradient/0"));
  EXPECT_THAT(std::string(answers.status().message()), HasSubstr("not finite"));
}

TEST(ChoosePictures, SpreadsThemAndPassesOverWhatIsBroken) {
  const auto names = [](const models::Dataset& data, int count) {
    std::vector<std::string> names;
    const std::vector<PictureToAsk> pictures = ChoosePictures(data, count).value();
    for (const PictureToAsk& picture : pictures) names.push_back(picture.name);
    return names;
  };
  using Names = std::vector<std::string>;
  const Names four = names(models::GradientImages(100), 4);
  ASSERT_EQ(four.size(), 4u);
  for (int i = 0; i < 4; ++i) {
    const int at = std::stoi(four[i].substr(9));
    EXPECT_TRUE(at >= 25 * i && at < 25 * (i + 1)) << four[i];
  }
  EXPECT_EQ(names(models::GradientImages(2), 5), (Names{"gradient/0", "gradient/1"}));
  EXPECT_EQ(names(models::GradientImages(100, 10), 4), (Names{"gradient/0"}));
  const auto none = ChoosePictures(models::GradientImages(3, 0), 2);
  EXPECT_THAT(std::string(none.status().message()), HasSubstr("broken on purpose"));
}

// The picture drawn is the one cropped, whatever it is normalised with.
TEST_F(Predictions, NormalisationChangesWhatTheModelSeesAlone) {
  const auto predict = [&](const models::TransformOptions& transform) {
    auto predictor = PositionPredictor::Create(TinyEntry(), 1, transform, Compile(), &workspace_);
    EXPECT_TRUE(predictor.ok()) << predictor.status();
    Fill((*predictor)->parameters(), &workspace_);
    return (*predictor)->Predict(Pictures(1), 0)->front();
  };
  models::TransformOptions transform;
  transform.mean = {0, 0.5, 1};
  transform.std = {1, 0.25, 0.5};
  const PositionAnswers usual = predict({}), other = predict(transform);
  EXPECT_EQ(usual.image.rgb, other.image.rgb);
  const auto confidence = [](const PositionAnswers& answers) {
    std::vector<float> all;
    for (const VisiblePatch& patch : answers.patches) all.push_back(patch.confidence);
    return all;
  };
  EXPECT_NE(confidence(usual), confidence(other));
}

// What --vis_every does: beside a session, on the parameters being trained.
TEST(PositionVisualizer, DrawsTheSessionsParametersAndChangesNothing) {
  const models::TinyEngine engine;
  const models::ZooEntry entry = TinyEntry();
  const models::DropPos model(entry.model, models::DropPosOf(entry));
  auto session = models::Session::Create(&model, engine.Options(4));
  ASSERT_TRUE(session.ok()) << session.status();
  auto visualizer = PositionVisualizer::Create(entry, engine.Options(4).compile,
                                               (*session)->workspace(), Pictures(6), 0, {});
  ASSERT_TRUE(visualizer.ok()) << visualizer.status();

  const std::string shows = (*visualizer)->Shows();
  EXPECT_THAT(shows, HasSubstr("puts the patches of 6 images ("));
  EXPECT_THAT(shows, HasSubstr(" patches visible, "));
  for (const PictureToAsk& picture : Pictures(6)) EXPECT_THAT(shows, HasSubstr(picture.name));

  const fs::path folder = std::getenv("TEST_TMPDIR");
  const std::string first = folder / "first.png", again = folder / "again.png",
                    later = folder / "later.png";
  const std::string bias = "decoder_pred.bias";
  const auto before = models::BlobValues((*session)->workspace(), bias);
  ASSERT_TRUE((*visualizer)->Write("step 0", first).ok());
  ASSERT_TRUE((*visualizer)->Write("step 0", again).ok());
  EXPECT_EQ(models::BlobValues((*session)->workspace(), bias), before);
  EXPECT_EQ(Bytes(first), Bytes(again));

  const models::Batch batch = models::RandomBatch(entry.model, 4, 1);
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE((*session)
                    ->Step([&]() -> absl::StatusOr<const models::Batch*> { return &batch; }, 0.05,
                           {{"sigma", 1.0f}})
                    .ok());
  }
  ASSERT_TRUE((*visualizer)->Write("step 0", later).ok());
  EXPECT_NE(Bytes(first), Bytes(later));
  const auto sheet = models::ReadImage(later);
  EXPECT_TRUE(sheet.ok()) << sheet.status();
  EXPECT_THAT(std::string((*visualizer)->Write("", fs::path(later) / "a.png").message()),
              HasSubstr("folder"));
  // A bug once: a link in a run's folder let the drawing replace a file elsewhere.
  const fs::path elsewhere = folder / "elsewhere.png";
  fs::copy_file(first, elsewhere);
  fs::create_symlink(elsewhere, folder / "link.png");
  const auto untouched = Bytes(elsewhere);
  ASSERT_TRUE((*visualizer)->Write("step 0", folder / "link.png").ok());
  EXPECT_EQ(Bytes(elsewhere), untouched);
  EXPECT_FALSE(fs::is_symlink(folder / "link.png"));
  fs::create_directories(folder / "taken.png");
  EXPECT_THAT(std::string((*visualizer)->Write("", folder / "taken.png").message()),
              HasSubstr("taken.png"));
  for (const auto& entry : fs::directory_iterator(folder)) {
    EXPECT_EQ(entry.path().extension(), ".png") << "left behind: " << entry.path();
  }
}

}  // namespace
}  // namespace tools
