// Asks a DropPos model for the positions of an image's patches.
#ifndef TOOLS_VIS_PREDICTIONS_H_
#define TOOLS_VIS_PREDICTIONS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "graph/compiler/compiler.h"
#include "graph/runtime/workspace.h"
#include "models/data/augment.h"
#include "models/training/forward_net.h"
#include "models/zoo/config.h"
#include "tools/vis/position_answers.h"

namespace tools {

// An image to ask about.
struct PictureToAsk {
  std::string name;  // for its caption
  uint64_t id = 0;   // determines its masks: models::Dataset::image_id
  models::Image image;
};

// A forward net. Not thread-safe.
class PositionPredictor {
 public:
  // `entry` has the ratios to ask at; settings of its loss are ignored, so these may be ratios at
  // which it cannot be trained. Parameters are found by name in `workspace`, which must outlive
  // this: a session's, or an empty one that models::LoadParameters then fills. The net takes
  // `batch_size` images at a time. `inputs`: as for models::ForwardNet::Compile.
  static absl::StatusOr<std::unique_ptr<PositionPredictor>> Create(
      const models::ZooEntry& entry, int batch_size, const graph::CompileOptions& options,
      graph::Workspace* workspace, const std::shared_ptr<graph::InputSlot>& inputs = nullptr);

  // The net that Create compiles in a session's workspace, for plans.
  static absl::StatusOr<graph::Net> Net(const models::ZooEntry& entry, int batch_size,
                                        const graph::SchemaRegistry& registry);

  // One answer per picture. Masks are those of an evaluation with `seed` (graph::SampleKey at epoch
  // 0). A patch goes into the cell of its largest logit, on a tie the first one. OUT_OF_RANGE if a
  // logit is not finite.
  absl::StatusOr<std::vector<PositionAnswers>> Predict(const std::vector<PictureToAsk>& pictures,
                                                       uint64_t seed);

  const std::vector<models::Parameter>& parameters() const { return net_->parameters(); }

 private:
  PositionPredictor(const models::ModelConfig& model, int batch_size)
      : model_(model), transform_(model.input_w, model.input_h), batch_size_(batch_size) {}

  // The net's outputs for a batch.
  struct Outputs {
    std::vector<int32_t> ids_keep;  // (B, V)
    std::vector<uint8_t> mask_pos;  // (B, V)
    std::vector<float> logits;      // (B, V, cells)
  };
  absl::StatusOr<Outputs> ReadOutputs() const;
  // The answers for the image at `place` of the batch.
  absl::Status Read(const Outputs& outputs, size_t place, PositionAnswers* answers) const;

  models::ModelConfig model_;
  models::ImageTransform transform_;
  int batch_size_;
  models::Batch batch_;
  std::unique_ptr<models::ForwardNet> net_;
};

}  // namespace tools

#endif  // TOOLS_VIS_PREDICTIONS_H_
