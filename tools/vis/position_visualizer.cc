#include "tools/vis/position_visualizer.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/types/span.h"
#include "graph/base/counted.h"
#include "graph/base/random.h"
#include "graph/base/status.h"
#include "models/data/image_io.h"
#include "models/data/picture_error.h"
#include "models/droppos/droppos.h"
#include "tools/evaluation/position_net.h"
#include "tools/evaluation/spread_dataset.h"
#include "tools/output/staged_output.h"

namespace tools {
namespace {

// The bytes that became the model's input, as a person can see them: grey as grey, of four channels
// the first three. ImageTransform's results for black and white give the scale.
models::Image Denormalized(absl::Span<const float> input, int height, int width,
                           const models::TransformOptions& options) {
  models::ImageTransform transform(1, 1, options);
  float black[4], white[4];
  models::Image flat;
  flat.SetDeepSize(1, 1, options.channels());
  std::fill(flat.deep.begin(), flat.deep.end(), uint16_t{0});
  transform.Evaluate(flat, black);
  std::fill(flat.deep.begin(), flat.deep.end(), uint16_t{65535});
  transform.Evaluate(flat, white);
  models::Image image = models::Image::Sized(width, height);
  const size_t plane = static_cast<size_t>(height) * width;
  for (size_t i = 0; i < plane; ++i) {
    for (int out = 0; out < 3; ++out) {
      const int c = std::min(out, options.channels() - 1);
      const float share = (input[c * plane + i] - black[c]) / (white[c] - black[c]);
      image.rgb[3 * i + out] = static_cast<uint8_t>(std::lround(255 * share));
    }
  }
  return image;
}

// The largest logit's index, and its share of the softmax.
absl::Status Answer(absl::Span<const float> logits, VisiblePatch* patch) {
  if (!std::all_of(logits.begin(), logits.end(), [](float x) { return std::isfinite(x); })) {
    return absl::OutOfRangeError("the model's answers are not finite numbers");
  }
  const auto largest = std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(double{logit} - *largest);
  patch->predicted = static_cast<int>(largest - logits.begin());
  patch->confidence = static_cast<float>(1 / sum);
  return absl::OkStatus();
}

constexpr char kNet[] = "predict_positions";

absl::Status Check(const models::ZooEntry& entry) {
  RETURN_IF_ERROR(CheckPredictsPositions(entry));
  return models::Validate(entry.model, models::PositionsOnly(models::DropPosOf(entry)));
}

// Adds the visible patches of one image: `begin` to `end` of the outputs' B * V.
absl::Status AddPatches(const PositionOutputs& outputs, size_t begin, size_t end,
                        PositionAnswers* answers) {
  const size_t cells = outputs.logits.size() / outputs.ids_keep.size();
  for (size_t at = begin; at < end; ++at) {
    VisiblePatch patch;
    patch.cell = outputs.ids_keep[at];
    patch.has_position = outputs.mask_pos[at] == 0;
    if (!patch.has_position) {
      RETURN_IF_ERROR(Answer(absl::MakeConstSpan(&outputs.logits[at * cells], cells), &patch));
    }
    answers->patches.push_back(patch);
  }
  std::sort(answers->patches.begin(), answers->patches.end(),
            [](const VisiblePatch& a, const VisiblePatch& b) { return a.cell < b.cell; });
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<PictureToAsk>> ChoosePictures(
    const models::Dataset& data, int count,
    const std::function<void(const std::string&)>& on_bad_image) {
  std::vector<PictureToAsk> pictures;
  const int64_t wanted = std::min<int64_t>(count, data.size());
  absl::Status bad;
  int64_t next = 0;  // earlier images are chosen, undecodable or skipped
  std::vector<int64_t> starts = SpreadIndices(data.size(), wanted);
  if (!starts.empty()) starts[0] = 0;  // so that none is skipped before the first
  for (const int64_t start : starts) {
    for (next = std::max(next, start); next < data.size();) {
      const int64_t at = next++;
      absl::StatusOr<models::Image> image = data.Load(at);
      if (image.ok()) {
        pictures.push_back({data.name(at), data.image_id(at), *std::move(image)});
        break;
      }
      bad = image.status();
      if (on_bad_image != nullptr) on_bad_image(std::string(bad.message()));
    }
  }
  if (!pictures.empty()) return pictures;
  return bad.ok() ? graph::InvalidArgument(data.description(), ": no images") : bad;
}

absl::StatusOr<std::unique_ptr<PositionPredictor>> PositionPredictor::Create(
    const models::ZooEntry& entry, int batch_size, const models::TransformOptions& transform,
    const graph::CompileOptions& options, graph::Workspace* workspace,
    const std::shared_ptr<graph::InputSlot>& inputs) {
  RETURN_IF_ERROR(Check(entry));
  std::unique_ptr<PositionPredictor> predictor(
      new PositionPredictor(entry.model, transform, batch_size));
  ASSIGN_OR_RETURN(predictor->net_,
                   models::ForwardNet::Compile(kNet, options, PositionForward(entry, batch_size),
                                               workspace, inputs));
  return predictor;
}

absl::StatusOr<graph::Net> PositionPredictor::Net(const models::ZooEntry& entry, int batch_size,
                                                  const graph::SchemaRegistry& registry) {
  RETURN_IF_ERROR(Check(entry));
  return models::ForwardNet::Build(kNet, registry, PositionForward(entry, batch_size));
}

absl::StatusOr<std::vector<PositionAnswers>> PositionPredictor::Predict(
    const std::vector<PictureToAsk>& pictures, uint64_t seed) {
  std::vector<PositionAnswers> all;
  const size_t image_size = transform_.output_size();
  for (size_t first = 0; first < pictures.size(); first += batch_size_) {
    const size_t count = std::min<size_t>(batch_size_, pictures.size() - first);
    batch_.images.assign(batch_size_ * image_size, 0);
    batch_.keys.assign(batch_size_, 0);
    for (size_t i = 0; i < count; ++i) {
      const PictureToAsk& picture = pictures[first + i];
      const absl::Status fits = models::CheckChannels(model_.channels, picture.image);
      if (!fits.ok()) return graph::Annotate(fits, picture.name);
      transform_.Evaluate(picture.image, &batch_.images[i * image_size]);
      batch_.keys[i] = static_cast<int64_t>(graph::SampleKey(seed, 0, picture.id));
    }
    ASSIGN_OR_RETURN(const PositionOutputs outputs, RunPositions(batch_, net_.get()));
    const size_t visible = outputs.ids_keep.size() / batch_size_;
    for (size_t i = 0; i < count; ++i) {
      PositionAnswers answers;
      answers.name = pictures[first + i].name;
      answers.image = Denormalized({&batch_.images[i * image_size], image_size}, model_.input_h,
                                   model_.input_w, transform_.options());
      answers.patch_size = model_.patch_size;
      const absl::Status status = AddPatches(outputs, i * visible, (i + 1) * visible, &answers);
      if (!status.ok()) return graph::Annotate(status, answers.name);
      all.push_back(std::move(answers));
    }
  }
  return all;
}

absl::StatusOr<std::unique_ptr<PositionVisualizer>> PositionVisualizer::Create(
    const models::ZooEntry& entry, const graph::CompileOptions& options,
    graph::Workspace* workspace, std::vector<PictureToAsk> pictures, uint64_t seed,
    const models::TransformOptions& transform, const std::shared_ptr<graph::InputSlot>& inputs) {
  CHECK(!pictures.empty());
  std::unique_ptr<PositionVisualizer> visualizer(new PositionVisualizer());
  // First, because it checks the ratios.
  const int batch = static_cast<int>(std::min<size_t>(pictures.size(), kPictureBatch));
  ASSIGN_OR_RETURN(visualizer->predictor_,
                   PositionPredictor::Create(entry, batch, transform, options, workspace, inputs));
  visualizer->name_ = entry.name;
  visualizer->wrong_positions_ = models::DropPosOf(entry).mask_token_type == "wrong_pos";
  visualizer->conditions_ =
      absl::StrCat(VisiblePatches(entry), " of ", entry.model.num_patches(), " patches visible, ",
                   DroppedPositions(entry), " of them ",
                   visualizer->wrong_positions_ ? "with a wrong position" : "without position");
  visualizer->pictures_ = std::move(pictures);
  visualizer->seed_ = seed;
  return visualizer;
}

absl::StatusOr<std::vector<PositionAnswers>> PositionVisualizer::Answers() {
  return predictor_->Predict(pictures_, seed_);
}

absl::StatusOr<models::Image> PositionVisualizer::Draw(
    const std::string& title, const std::vector<PositionAnswers>& answers) const {
  return DrawSheet(absl::StrCat(title, ": ", conditions_), answers, wrong_positions_);
}

std::string PositionVisualizer::Shows() const {
  std::vector<std::string> names;
  for (const PictureToAsk& picture : pictures_) names.push_back(picture.name);
  return absl::StrCat("where ", name_, " puts the patches of ",
                      graph::Counted(static_cast<int64_t>(names.size()), "image"), " (",
                      absl::StrJoin(names, ", "), "): ", conditions_);
}

absl::Status PositionVisualizer::Write(const std::string& title, const std::string& path) {
  ASSIGN_OR_RETURN(const std::vector<PositionAnswers> answers, Answers());
  ASSIGN_OR_RETURN(const models::Image sheet, Draw(absl::StrCat(name_, ", ", title), answers));
  ASSIGN_OR_RETURN(StagedOutput output, StagedOutput::Choose("", path, StagedOutput::Kind::kFile,
                                                             /*overwrite=*/true));
  return output.Write([&](const std::string& staging) { return models::WritePng(staging, sheet); });
}

}  // namespace tools
