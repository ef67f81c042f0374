// Measures on held-out images how well a model predicts the positions of patches, for several
// shares of hidden patches and dropped positions.
#ifndef TOOLS_EVALUATION_POSITION_PROTOCOL_H_
#define TOOLS_EVALUATION_POSITION_PROTOCOL_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "graph/compiler/compiler.h"
#include "graph/runtime/workspace.h"
#include "models/data/loader.h"
#include "models/training/forward_net.h"
#include "models/training/metrics.h"
#include "models/zoo/config.h"
#include "tools/evaluation/image_progress.h"
#include "tools/evaluation/position_net.h"  // IWYU pragma: export
#include "tools/evaluation/position_scores.h"

namespace tools {

struct PositionRatios {
  double mask_ratio = 0;      // of patches hidden
  double pos_mask_ratio = 0;  // of visible patches whose position is dropped
  bool recipe = false;        // those of the model's training
};

// `entry` predicts positions. The recipe's alone: what a training run measures.
std::vector<PositionRatios> RecipeRatios(const models::ZooEntry& entry);
// mask_ratio of the recipe and 0, each with pos_mask_ratio 0.25, 0.5, 0.75, 1, and
// the recipe's where it is none of these.
std::vector<PositionRatios> AllRatios(const models::ZooEntry& entry);
// The model at other ratios.
models::ZooEntry AtRatios(models::ZooEntry entry, const PositionRatios& ratios);

struct PositionResult {
  PositionRatios ratios;
  int visible = 0;  // patches per image that the model sees
  int dropped = 0;  // visible patches without position; 0: nothing is measured or run
  PositionScores scores;
};

struct PositionReport {
  Grid grid;
  PositionNumbers chance;
  int64_t images = 0;
  std::vector<PositionResult> results;  // in the order of the ratios

  // The recipe's; null if it was not requested.
  const PositionResult* recipe() const;
  // What a training run's own heldout_pos_acc1 leaves out, at the recipe's ratios:
  // heldout_pos_acc5, _acc_within1, _distance, _top_cell (the share of the commonest answer).
  models::MetricList Metrics() const;
  bool collapsed() const;  // any result
};

class PositionProtocol {
 public:
  // Compiles a PositionForward for each of `ratios` that drops a position. Parameters are those of
  // `workspace`, by name, which must outlive the protocol: a training session's, then measured as
  // they stand at each Run, or one of its own, zeros until models::LoadParameters. `inputs`: of
  // models::ForwardNet::Compile. Memory: one arena for all nets, as large as the largest needs
  // (mask_ratio 0: the decoder on all patches, logits batch_size * L * L floats); the recipe's
  // alone fits in a training step's.
  static absl::StatusOr<std::unique_ptr<PositionProtocol>> Create(
      const models::ZooEntry& entry, const std::vector<PositionRatios>& ratios,
      const graph::CompileOptions& compile, int batch_size, graph::Workspace* workspace,
      const std::shared_ptr<graph::InputSlot>& inputs = nullptr);

  // The nets that Create compiles, for plans.
  static absl::StatusOr<std::vector<graph::Net>> Nets(const models::ZooEntry& entry,
                                                      const std::vector<PositionRatios>& ratios,
                                                      const graph::SchemaRegistry& registry,
                                                      int batch_size);

  // One pass over `loader` (LoaderMode::kEvaluate, this batch size), for all ratios at once. Masks
  // follow from the loader's keys, so they are the same in each Run. OUT_OF_RANGE if the model's
  // answers are not finite.
  absl::StatusOr<PositionReport> Run(models::Loader* loader, const OnImages& on_images = nullptr);

  const std::vector<models::Parameter>& parameters() const { return parameters_; }

 private:
  PositionProtocol() = default;

  struct Entry {
    PositionResult result;                    // without scores
    std::unique_ptr<models::ForwardNet> net;  // null: drops no position
  };
  Grid grid_;
  std::vector<Entry> entries_;
  std::vector<models::Parameter> parameters_;
};

}  // namespace tools

#endif  // TOOLS_EVALUATION_POSITION_PROTOCOL_H_
