#include "tools/vis/predictions.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/types/span.h"
#include "graph/base/status.h"
#include "models/droppos/droppos.h"

namespace tools {
namespace {

// The bytes behind the model's input. What ImageTransform makes of black and of
// white gives the scale.
models::Image Denormalized(const std::vector<float>& input, int height, int width) {
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

}  // namespace

absl::Status CheckPredictsPositions(const models::ZooEntry& entry) {
  const std::unique_ptr<models::Model> model = entry.make(entry, 1);
  if (dynamic_cast<const models::DropPos*>(model.get()) != nullptr) return absl::OkStatus();
  return graph::InvalidArgument(entry.name,
                                " has no positions to predict; that takes a DropPos model");
}

absl::StatusOr<std::unique_ptr<PositionPredictor>> PositionPredictor::Create(
    const models::ZooEntry& entry, const graph::CompileOptions& options,
    graph::Workspace* workspace) {
  RETURN_IF_ERROR(CheckPredictsPositions(entry));
  RETURN_IF_ERROR(models::Validate(entry.model, entry.droppos));
  models::DropPosConfig config = entry.droppos;
  config.attn_guide = false;  // weights the loss, which is not asked for here
  std::unique_ptr<PositionPredictor> predictor(new PositionPredictor(entry.model));
  const auto build = [&](models::ModelBuilder* b) -> models::ForwardNet::Outputs {
    const models::DropPosBlobs blobs =
        models::BuildDropPos(b, entry.model, config, 1, models::NoiseSource::kKeys);
    return {{"ids_keep", blobs.ids_keep}, {"mask_pos", blobs.mask_pos}, {"logits", blobs.logits}};
  };
  ASSIGN_OR_RETURN(predictor->net_,
                   models::ForwardNet::Compile("predict_positions", options, build, workspace));
  return predictor;
}

absl::StatusOr<PositionAnswers> PositionPredictor::Predict(const std::string& name,
                                                           const models::Image& image,
                                                           uint64_t key) {
  PositionAnswers answers;
  answers.name = name;
  answers.patch_size = model_.patch_size;

  batch_.images.resize(transform_.output_size());
  transform_.Evaluate(image, batch_.images.data());
  answers.image = Denormalized(batch_.images, model_.input_h, model_.input_w);
  batch_.keys = {static_cast<int64_t>(key)};
  RETURN_IF_ERROR(net_->Feed(batch_));
  RETURN_IF_ERROR(net_->Run());
  ASSIGN_OR_RETURN(const graph::Tensor ids_keep, net_->Output("ids_keep"));
  ASSIGN_OR_RETURN(const graph::Tensor mask_pos, net_->Output("mask_pos"));
  ASSIGN_OR_RETURN(const graph::Tensor logits, net_->Output("logits"));
  const int cells = model_.num_patches();
  const absl::Span<const int32_t> ids = ids_keep.as<int32_t>();
  for (size_t v = 0; v < ids.size(); ++v) {
    VisiblePatch patch;
    patch.cell = ids[v];
    patch.has_position = mask_pos.as<uint8_t>()[v] == 0;
    if (!patch.has_position) {
      const absl::Status status = Answer(logits.as<float>().subspan(v * cells, cells), &patch);
      if (!status.ok()) return graph::Annotate(status, name);
    }
    answers.patches.push_back(patch);
  }
  std::sort(answers.patches.begin(), answers.patches.end(),
            [](const VisiblePatch& a, const VisiblePatch& b) { return a.cell < b.cell; });
  return answers;
}

}  // namespace tools
