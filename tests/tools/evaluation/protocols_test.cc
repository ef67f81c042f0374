// The protocols on small nets: beside a training session, and against what the model's
// own evaluation counts.
#include <algorithm>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "graph/base/random.h"
#include "gtest/gtest.h"
#include "models/data/embedded_dataset.h"
#include "models/droppos/droppos.h"
#include "models/training/session.h"
#include "tests/harness/guard_device.h"
#include "tests/models/training/tiny_run.h"
#include "tools/evaluation/features.h"
#include "tools/evaluation/knn_protocol.h"
#include "tools/evaluation/position_protocol.h"
#include "tools/evaluation/spread_dataset.h"
#include "tools/plugins.h"

namespace tools {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int kBatch = 16;

models::ModelConfig SmallModel() {
  models::ModelConfig model;
  model.input_h = 24;
  model.input_w = 32;
  model.patch_size = 8;  // a 3x4 grid
  model.embed_dim = 16;
  model.depth = 1;
  model.num_heads = 2;
  model.decoder_embed_dim = 8;
  model.decoder_depth = 1;
  model.decoder_num_heads = 2;
  return model;
}

models::ZooEntry Entry(double mask_ratio, double pos_mask_ratio) {
  models::ZooEntry entry;
  entry.model = SmallModel();
  entry.options = std::make_shared<models::DropPosConfig>();
  return AtRatios(entry, {mask_ratio, pos_mask_ratio});
}
models::ZooEntry Small() { return Entry(0.5, 0.75); }

// Scenes with a label each, or none; some cannot be decoded.
class FakeDataset : public models::Dataset {
 public:
  FakeDataset(std::vector<int> labels, int classes, std::vector<int64_t> bad = {})
      : labels_(std::move(labels)), classes_(classes), bad_(std::move(bad)) {}
  int64_t size() const override { return static_cast<int64_t>(labels_.size()); }
  uint64_t image_id(int64_t i) const override { return graph::HashName(name(i)); }
  std::string name(int64_t i) const override { return absl::StrCat("image ", i); }
  int label(int64_t i) const override { return labels_[i]; }
  int num_classes() const override { return classes_; }
  absl::StatusOr<models::Image> Load(int64_t i) const override {
    if (std::count(bad_.begin(), bad_.end(), i) > 0) {
      return absl::InvalidArgumentError(absl::StrCat(name(i), " is no image"));
    }
    return scenes_.Load(i);
  }
  std::string description() const override { return "fakes"; }

 private:
  std::vector<int> labels_;
  int classes_;
  std::vector<int64_t> bad_;
  models::EmbeddedDataset scenes_{models::SceneSplit::kTrain, 32, 24};
};

constexpr models::Unit kShare = models::Unit::kShare;

class Protocols : public ::testing::Test {
 protected:
  Protocols() : registry_(MakeRegistry()), backend_(harness::OnTestDevice(*MakeBackend("cpu", 2))) {
    compile_.registry = &registry_;
    compile_.backend = &backend_;
  }

  std::unique_ptr<models::Session> MakeSession() {
    models::SessionOptions options;
    options.compile = compile_;
    options.step.micro_batch = kBatch;
    options.step.seed = 3;
    auto session = models::Session::Create(&model_, options);
    EXPECT_TRUE(session.ok()) << session.status();
    return *std::move(session);
  }

  std::unique_ptr<models::Loader> MakeLoader(const models::Dataset& data, models::LoaderMode mode,
                                             int batch) {
    models::LoaderOptions options;
    options.mode = mode;
    options.batch_size = batch;
    options.input_height = 24;
    options.input_width = 32;
    options.seed = 5;
    auto loader = models::Loader::Create(&data, std::move(options));
    EXPECT_TRUE(loader.ok()) << loader.status();
    return *std::move(loader);
  }

  std::vector<double> TrainSteps(models::Session* session, int steps) {
    const std::unique_ptr<models::Loader> loader =
        MakeLoader(train_, models::LoaderMode::kTrain, kBatch);
    std::vector<double> losses;
    for (int i = 0; i < steps; ++i) {
      const auto result = session->Step([&] { return loader->Next(); }, 2e-3, {{"sigma", 1.0f}});
      EXPECT_TRUE(result.ok()) << result.status();
      losses.push_back(result->loss);
    }
    return losses;
  }

  PositionReport RunPositions(const std::vector<PositionRatios>& ratios, int batch,
                              graph::Workspace* workspace) {
    auto protocol = PositionProtocol::Create(Small(), ratios, compile_, batch, workspace);
    EXPECT_TRUE(protocol.ok()) << protocol.status();
    const auto loader = MakeLoader(held_out_, models::LoaderMode::kEvaluate, batch);
    auto report = (*protocol)->Run(loader.get());
    EXPECT_TRUE(report.ok()) << report.status();
    return *std::move(report);
  }

  graph::SchemaRegistry registry_;
  graph::Backend backend_;
  graph::CompileOptions compile_;
  models::DropPos model_{SmallModel(), models::DropPosOf(Small())};
  models::EmbeddedDataset all_train_{models::SceneSplit::kTrain, 32, 24};
  models::EmbeddedDataset all_held_out_{models::SceneSplit::kHeldOut, 32, 24};
  SpreadDataset train_{&all_train_, 150};
  SpreadDataset held_out_{&all_held_out_, 75};  // no multiple of the batch
};

TEST_F(Protocols, PositionsAgreeWithTheModelsOwnEvaluation) {
  const std::unique_ptr<models::Session> session = MakeSession();
  TrainSteps(session.get(), 12);
  const auto loader = MakeLoader(held_out_, models::LoaderMode::kEvaluate, kBatch);
  const auto own = session->Evaluate(loader.get());
  ASSERT_TRUE(own.ok()) << own.status();
  const PositionReport report =
      RunPositions({{0.5, 0.75, true}, {0.5, 1.0, false}}, kBatch, session->workspace());
  EXPECT_EQ(report.images, 75);
  ASSERT_EQ(report.results.size(), 2);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(report.results[i].scores.scored, (*own)[i].count);
    EXPECT_DOUBLE_EQ(report.results[i].scores.mean.top1, (*own)[i].value());
  }
  EXPECT_EQ(report.results[0].visible, 6);
  EXPECT_EQ(report.results[0].dropped, 5);
  EXPECT_EQ(report.results[0].scores.scored, 75 * 5);
  const PositionScores& scores = report.results[0].scores;
  EXPECT_THAT(report.Metrics(),
              ElementsAre(models::Metric{"heldout_pos_acc5", scores.mean.top5, kShare},
                          models::Metric{"heldout_pos_acc_within1", scores.mean.within1, kShare},
                          models::Metric{"heldout_pos_distance", scores.mean.distance,
                                         models::Unit::kCells},
                          models::Metric{"heldout_pos_top_cell", scores.top_share, kShare}));
}

TEST_F(Protocols, EvaluatingBesideTrainingChangesNothing) {
  const std::unique_ptr<models::Session> alone = MakeSession();
  const std::unique_ptr<models::Session> watched = MakeSession();
  const size_t arena = watched->arena_bytes();
  auto positions = PositionProtocol::Create(Small(), RecipeRatios(Small()), compile_, kBatch,
                                            watched->workspace());
  ASSERT_TRUE(positions.ok()) << positions.status();
  EXPECT_EQ(watched->arena_bytes(), arena) << "the recipe's ratios fit in a training step's";
  auto knn = KnnProtocol::Create(SmallModel(), {}, compile_, kBatch, watched->workspace());
  ASSERT_TRUE(knn.ok()) << knn.status();
  const auto evaluate = [&] {
    const auto loader = MakeLoader(held_out_, models::LoaderMode::kEvaluate, kBatch);
    EXPECT_TRUE((*positions)->Run(loader.get()).ok());
    EXPECT_TRUE((*knn)->Run(train_, held_out_).ok());
  };
  evaluate();
  const std::vector<double> before = TrainSteps(watched.get(), 3);
  evaluate();
  const std::vector<double> after = TrainSteps(watched.get(), 3);
  EXPECT_EQ(before, TrainSteps(alone.get(), 3));
  EXPECT_EQ(after, TrainSteps(alone.get(), 3));
}

TEST_F(Protocols, MasksAreFixedAndBatchesDoNotMatter) {
  const std::unique_ptr<models::Session> session = MakeSession();
  TrainSteps(session.get(), 3);
  const PositionReport want = RunPositions(AllRatios(Small()), kBatch, session->workspace());
  ASSERT_EQ(want.results.size(), 8);
  for (const int batch : {kBatch, 1, 75}) {
    graph::Workspace own(backend_.device);
    auto protocol = PositionProtocol::Create(Small(), AllRatios(Small()), compile_, batch, &own);
    ASSERT_TRUE(protocol.ok()) << protocol.status();
    for (const models::Parameter& p : (*protocol)->parameters()) {
      ASSERT_TRUE(own.CopyFrom(*session->workspace(), p.name).ok()) << p.name;
    }
    const auto loader = MakeLoader(held_out_, models::LoaderMode::kEvaluate, batch);
    const auto got = (*protocol)->Run(loader.get());
    ASSERT_TRUE(got.ok()) << got.status();
    for (size_t i = 0; i < 8; ++i) {
      EXPECT_EQ(got->results[i].scores.cell_scored, want.results[i].scores.cell_scored) << i;
      EXPECT_NEAR(got->results[i].scores.mean.distance, want.results[i].scores.mean.distance, 0.02);
    }
  }
}

TEST_F(Protocols, RatiosThatDropNothingAreNotRun) {
  graph::Workspace workspace(backend_.device);
  const PositionReport report =
      RunPositions({{0.5, 0.0, true}, {0.0, 0.5, false}}, kBatch, &workspace);
  EXPECT_EQ(report.results[0].dropped, 0);
  EXPECT_EQ(report.results[0].scores.scored, 0);
  EXPECT_TRUE(report.Metrics().empty());
  EXPECT_EQ(report.results[1].visible, 12);
  EXPECT_EQ(report.results[1].scores.scored, 75 * 6);
  // Parameters that nobody has set are zeros: every answer is the first cell.
  EXPECT_TRUE(report.collapsed());
  EXPECT_EQ(report.results[1].scores.top_cell, 0);
  EXPECT_EQ(report.results[1].scores.top_share, 1.0);
}

TEST_F(Protocols, AnswersThatAreNotFiniteAreAnError) {
  const std::unique_ptr<models::Session> session = MakeSession();
  models::SetElement(session->workspace(), "norm.weight", 0,
                     std::numeric_limits<float>::quiet_NaN());
  auto positions = PositionProtocol::Create(Small(), RecipeRatios(Small()), compile_, kBatch,
                                            session->workspace());
  ASSERT_TRUE(positions.ok());
  const auto loader = MakeLoader(held_out_, models::LoaderMode::kEvaluate, kBatch);
  const absl::Status no_positions = (*positions)->Run(loader.get()).status();
  EXPECT_EQ(no_positions.code(), absl::StatusCode::kOutOfRange);
  auto knn = KnnProtocol::Create(SmallModel(), {}, compile_, kBatch, session->workspace());
  ASSERT_TRUE(knn.ok());
  const absl::Status no_features = (*knn)->Run(train_, held_out_).status();
  EXPECT_EQ(no_features.code(), absl::StatusCode::kOutOfRange);
  for (const absl::Status& status : {no_positions, no_features}) {
    EXPECT_THAT(std::string(status.message()), HasSubstr("the parameters hold NaN or inf"));
  }
}

TEST(Ratios, AreTheRecipesAndTheQuarters) {
  const auto text = [](const std::vector<PositionRatios>& ratios) {
    std::string line;
    for (const PositionRatios& r : ratios) {
      absl::StrAppend(&line, r.mask_ratio, "/", r.pos_mask_ratio, r.recipe ? "* " : " ");
    }
    return line;
  };
  models::ZooEntry entry = Entry(0.75, 0.75);
  EXPECT_EQ(text(RecipeRatios(entry)), "0.75/0.75* ");
  EXPECT_EQ(text(AllRatios(entry)),
            "0.75/0.25 0.75/0.5 0.75/0.75* 0.75/1 0/0.25 0/0.5 0/0.75 0/1 ");
  entry = Entry(0, 0.6);
  EXPECT_EQ(text(AllRatios(entry)), "0/0.25 0/0.5 0/0.6* 0/0.75 0/1 ");
}

TEST(PredictsPositions, OnlyDropPosDoes) {
  const models::Zoo zoo = MakeZoo();
  int yes = 0;
  for (const models::ZooEntry& entry : zoo.entries()) {
    const absl::Status status = CheckPredictsPositions(entry);
    EXPECT_EQ(status.ok(), entry.name.rfind("droppos_", 0) == 0) << entry.name;
    yes += status.ok();
    if (status.ok()) continue;
    EXPECT_THAT(std::string(status.message()), HasSubstr("--protocol=knn"));
  }
  EXPECT_GT(yes, 0);
}

TEST_F(Protocols, FeaturesAreTheEncodersAndKeepTheirOrder) {
  const std::unique_ptr<models::Session> session = MakeSession();
  auto extractor = FeatureExtractor::Create(SmallModel(), kBatch, compile_, session->workspace());
  ASSERT_TRUE(extractor.ok()) << extractor.status();
  std::vector<int> labels(60);
  for (int i = 0; i < 60; ++i) labels[i] = i % 4 - 1;
  const FakeDataset data(labels, 3, {0, 17, 59});
  FeatureOptions options;
  options.tokens = options.images = true;
  std::vector<std::string> bad;
  options.load.on_bad_image = [&](const std::string& message) { bad.push_back(message); };
  const auto features = ExtractFeatures(data, options, extractor->get());
  ASSERT_TRUE(features.ok()) << features.status();
  EXPECT_EQ(bad.size(), 3);
  ASSERT_EQ(features->rows, 57);
  EXPECT_EQ(features->dim, 16);
  ASSERT_EQ(features->cls.size(), 57 * 16);
  ASSERT_EQ(features->patch_mean.size(), 57 * 16);
  ASSERT_EQ(features->tokens.size(), 57 * 13 * 16);
  ASSERT_EQ(features->images.size(), 57 * 3 * 24 * 32);
  const auto loader = MakeLoader(data, models::LoaderMode::kEvaluate, 57);
  const auto batch = loader->Next();
  ASSERT_TRUE(batch.ok()) << batch.status();
  EXPECT_EQ(features->images, (*batch)->images);
  for (int64_t row = 0; row < 57; ++row) {
    const int64_t i = row + 1 + (row >= 16);
    EXPECT_EQ(features->data_index[row], i);
    EXPECT_EQ(features->labels[row], labels[i]);
    for (int64_t d = 0; d < 16; ++d) {
      const float* token = &features->tokens[row * 13 * 16 + d];
      EXPECT_EQ(features->cls[row * 16 + d], token[0]);
      double sum = 0;
      for (int64_t t = 1; t < 13; ++t) sum += token[t * 16];
      EXPECT_FLOAT_EQ(features->patch_mean[row * 16 + d], static_cast<float>(sum / 12));
    }
  }
}

TEST_F(Protocols, KnnCountsRightAnswers) {
  const std::unique_ptr<models::Session> session = MakeSession();
  KnnProtocolOptions options;
  options.max_train_images = 100;
  options.knn.k = 5;
  auto protocol =
      KnnProtocol::Create(SmallModel(), options, compile_, kBatch, session->workspace());
  ASSERT_TRUE(protocol.ok()) << protocol.status();
  const auto report = (*protocol)->Run(train_, held_out_);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->train_images, 100);
  EXPECT_EQ(report->held_out_images, 75);
  EXPECT_EQ(report->k, 5);
  EXPECT_EQ(report->classes, 10);

  auto extractor = FeatureExtractor::Create(SmallModel(), kBatch, compile_, session->workspace());
  ASSERT_TRUE(extractor.ok());
  const SpreadDataset neighbours(&train_, 100);
  const auto known = ExtractFeatures(neighbours, {}, extractor->get());
  const auto asked = ExtractFeatures(held_out_, {}, extractor->get());
  ASSERT_TRUE(known.ok() && asked.ok());
  std::vector<int> of_class(10);
  for (const int32_t label : asked->labels) ++of_class[label];
  EXPECT_DOUBLE_EQ(report->chance, *std::max_element(of_class.begin(), of_class.end()) / 75.0);
  ASSERT_EQ(report->results.size(), 2);
  for (const bool mean : {false, true}) {
    const auto answers = ClassifyKnn({mean ? known->patch_mean : known->cls, known->labels},
                                     mean ? asked->patch_mean : asked->cls, 16, 10, options.knn);
    int right = 0;
    for (int i = 0; i < 75; ++i) right += answers[i] == asked->labels[i];
    EXPECT_EQ(report->results[mean].feature, mean ? "mean" : "cls");
    EXPECT_DOUBLE_EQ(report->results[mean].accuracy, right / 75.0);
  }
  EXPECT_THAT(report->Metrics(),
              ElementsAre(models::Metric{"knn_acc1", report->results[0].accuracy, kShare},
                          models::Metric{"knn_acc1_mean", report->results[1].accuracy, kShare}));
}

TEST_F(Protocols, KnnOfTheTrainingImagesThemselvesIsPerfect) {
  const std::unique_ptr<models::Session> session = MakeSession();
  KnnProtocolOptions options;
  options.knn.k = 1;
  auto protocol =
      KnnProtocol::Create(SmallModel(), options, compile_, kBatch, session->workspace());
  ASSERT_TRUE(protocol.ok());
  const auto report = (*protocol)->Run(held_out_, held_out_);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->results[0].accuracy, 1.0);
  EXPECT_EQ(report->results[1].accuracy, 1.0);
}

TEST_F(Protocols, KnnNeedsLabels) {
  const std::unique_ptr<models::Session> session = MakeSession();
  auto protocol = KnnProtocol::Create(SmallModel(), {}, compile_, kBatch, session->workspace());
  ASSERT_TRUE(protocol.ok());
  const FakeDataset some({0, -1, 1, 1, -1, 0}, 2), none({-1, -1, -1}, 0), empty({-1, -1}, 2);
  const auto message = [&](const models::Dataset& train, const models::Dataset& held_out) {
    const auto report = (*protocol)->Run(train, held_out);
    EXPECT_FALSE(report.ok());
    return std::string(report.status().message());
  };
  EXPECT_THAT(message(some, none), HasSubstr("need labels"));
  EXPECT_THAT(message(none, some), HasSubstr("need labels"));
  EXPECT_THAT(message(some, empty), HasSubstr("none of the held-out images has a label"));
  EXPECT_THAT(message(empty, some), HasSubstr("none of the training images has a label"));
  EXPECT_THAT(std::string(CheckLabels(some, nullptr).message()), HasSubstr("--val_fraction"));
  const auto report = (*protocol)->Run(some, some);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->train_images, 4);
  EXPECT_EQ(report->held_out_images, 4);
  EXPECT_EQ(report->unlabelled, 4);
  EXPECT_EQ(report->k, 4);
  EXPECT_DOUBLE_EQ(report->chance, 0.5);
}

}  // namespace
}  // namespace tools
