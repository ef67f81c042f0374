// Asks a DropPos model where the patches of an image are from.
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

// InvalidArgument, naming it, for an entry that has no positions to predict.
absl::Status CheckPredictsPositions(const models::ZooEntry& entry);

// A forward net of one image. Not thread-safe.
class PositionPredictor {
 public:
  // `entry` with the ratios to ask at. Parameters are those of `workspace`, by
  // name, which must outlive this: a session's, or an empty one that
  // models::LoadParameters then fills.
  static absl::StatusOr<std::unique_ptr<PositionPredictor>> Create(
      const models::ZooEntry& entry, const graph::CompileOptions& options,
      graph::Workspace* workspace);

  // `key` (graph::SampleKey) chooses the masks. Patches go into the cell of
  // their largest logit, the first one where there are several. OUT_OF_RANGE when a
  // logit is not finite.
  absl::StatusOr<PositionAnswers> Predict(const std::string& name, const models::Image& image,
                                          uint64_t key);

  const std::vector<models::Parameter>& parameters() const { return net_->parameters(); }

 private:
  explicit PositionPredictor(const models::ModelConfig& model)
      : model_(model), transform_(model.input_w, model.input_h) {}

  models::ModelConfig model_;
  models::ImageTransform transform_;
  models::Batch batch_;
  std::unique_ptr<models::ForwardNet> net_;
};

}  // namespace tools

#endif  // TOOLS_VIS_PREDICTIONS_H_
