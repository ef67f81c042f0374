#include "tools/vis/predictions.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

#include "absl/types/span.h"
#include "graph/base/random.h"
#include "graph/base/status.h"
#include "models/droppos/droppos.h"
#include "tools/evaluation/predicts_positions.h"

namespace tools {
namespace {

// The bytes that became the model's input. ImageTransform's results for black and white give the
// scale.
models::Image Denormalized(absl::Span<const float> input, int height, int width) {
  models::ImageTransform transform(1, 1);
  float black[3], white[3];
  transform.Evaluate({1, 1, {0, 0, 0}}, black);
  transform.Evaluate({1, 1, {255, 255, 255}}, white);
  models::Image image = models::Image::Sized(width, height);
  const size_t plane = static_cast<size_t>(height) * width;
  for (size_t i = 0; i < plane; ++i) {
    for (int c = 0; c < 3; ++c) {
      const float share = (input[c * plane + i] - black[c]) / (white[c] - black[c]);
      image.rgb[3 * i + c] = static_cast<uint8_t>(std::lround(255 * share));
    }
  }
  return image;
}

// The largest logit's index, and its share of the softmax.
absl::Status Answer(absl::Span<const float> logits, VisiblePatch* patch) {
  for (const float logit : logits) {
    if (!std::isfinite(logit)) {
      return absl::OutOfRangeError("the model's answers are not finite numbers");
    }
  }
  const auto largest = std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(double{logit} - *largest);
  patch->predicted = static_cast<int>(largest - logits.begin());
  patch->confidence = static_cast<float>(1 / sum);
  return absl::OkStatus();
}

constexpr char kNet[] = "predict_positions";

std::function<models::ForwardNet::Outputs(models::ModelBuilder*)> Forward(
    const models::ZooEntry& entry, int batch_size) {
  const models::ModelConfig model = entry.model;
  const models::DropPosConfig config = models::PositionsOnly(models::DropPosOf(entry));
  return [=](models::ModelBuilder* b) -> models::ForwardNet::Outputs {
    const models::DropPosBlobs blobs =
        models::BuildDropPos(b, model, config, batch_size, models::NoiseSource::kKeys);
    return {{"ids_keep", blobs.ids_keep}, {"mask_pos", blobs.mask_pos}, {"logits", blobs.logits}};
  };
}

absl::Status Check(const models::ZooEntry& entry) {
  RETURN_IF_ERROR(CheckPredictsPositions(entry));
  return models::Validate(entry.model, models::PositionsOnly(models::DropPosOf(entry)));
}

}  // namespace

absl::StatusOr<std::unique_ptr<PositionPredictor>> PositionPredictor::Create(
    const models::ZooEntry& entry, int batch_size, const graph::CompileOptions& options,
    graph::Workspace* workspace, const std::shared_ptr<graph::InputSlot>& inputs) {
  RETURN_IF_ERROR(Check(entry));
  std::unique_ptr<PositionPredictor> predictor(new PositionPredictor(entry.model, batch_size));
  ASSIGN_OR_RETURN(predictor->net_,
                   models::ForwardNet::Compile(
                       kNet, options, Forward(entry, predictor->batch_size_), workspace, inputs));
  return predictor;
}

absl::StatusOr<graph::Net> PositionPredictor::Net(const models::ZooEntry& entry, int batch_size,
                                                  const graph::SchemaRegistry& registry) {
  RETURN_IF_ERROR(Check(entry));
  return models::ForwardNet::Build(kNet, registry, Forward(entry, batch_size));
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
      transform_.Evaluate(picture.image, &batch_.images[i * image_size]);
      batch_.keys[i] = static_cast<int64_t>(graph::SampleKey(seed, 0, picture.id));
    }
    RETURN_IF_ERROR(net_->Feed(batch_));
    RETURN_IF_ERROR(net_->Run());
    ASSIGN_OR_RETURN(const Outputs outputs, ReadOutputs());
    for (size_t i = 0; i < count; ++i) {
      PositionAnswers answers;
      answers.name = pictures[first + i].name;
      answers.image = Denormalized({&batch_.images[i * image_size], image_size}, model_.input_h,
                                   model_.input_w);
      answers.patch_size = model_.patch_size;
      const absl::Status status = Read(outputs, i, &answers);
      if (!status.ok()) return graph::Annotate(status, answers.name);
      all.push_back(std::move(answers));
    }
  }
  return all;
}

absl::StatusOr<PositionPredictor::Outputs> PositionPredictor::ReadOutputs() const {
  Outputs outputs;
  ASSIGN_OR_RETURN(outputs.ids_keep, net_->Read<int32_t>("ids_keep"));
  ASSIGN_OR_RETURN(outputs.mask_pos, net_->Read<uint8_t>("mask_pos"));
  ASSIGN_OR_RETURN(outputs.logits, net_->Read<float>("logits"));
  return outputs;
}

absl::Status PositionPredictor::Read(const Outputs& outputs, size_t place,
                                     PositionAnswers* answers) const {
  const size_t cells = model_.num_patches(), visible = outputs.ids_keep.size() / batch_size_;
  for (size_t at = place * visible; at < (place + 1) * visible; ++at) {
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

}  // namespace tools
