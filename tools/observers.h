// What a pretraining run measures and draws beside its model's own evaluation:
// the protocols of //tools:evaluate, and the sheets of //tools:predict_positions.
#ifndef TOOLS_OBSERVERS_H_
#define TOOLS_OBSERVERS_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "models/data/open_dataset.h"
#include "models/training/run_observer.h"
#include "models/training/session.h"
#include "tools/evaluation/knn_protocol.h"
#include "tools/evaluation/position_protocol.h"
#include "tools/evaluation/spread_dataset.h"
#include "tools/flags/resolve_flags.h"
#include "tools/vis/position_visualizer.h"

namespace tools {

// Bounds of the kNN check during training, spread over the data; //tools:evaluate has
// higher ones.
inline constexpr int64_t kKnnTrainImages = 10'000;
inline constexpr int64_t kKnnHeldOutImages = 2'000;
// Rows of a sheet.
inline constexpr int kSheetImages = 4;

// Its nets read the session's parameters as they stand, between steps.
class Observers : public models::RunObserver {
 public:
  // The nets that Create compiles, for the memory check (SessionOptions::other_nets).
  // Refuses what Create refuses.
  static absl::StatusOr<std::vector<graph::Net>> Nets(const ResolvedFlags& resolved,
                                                      const models::Datasets& data,
                                                      const graph::SchemaRegistry& registry,
                                                      int batch_size);
  // The batches that Create's loaders and those of an evaluation hold, at most.
  static absl::StatusOr<int> LoaderBatches(const ResolvedFlags& resolved,
                                           const models::Datasets& data);

  // Compiles what is asked for. With --eval_every: positions where the model predicts
  // them, kNN where the data have labels. With --vis_every: pictures (an error for a
  // model that predicts no positions, and where nothing is held out). `data` and `session`
  // must outlive it. `folder` is where sheets go; it is made at the first one.
  // What is asked for and cannot be had is a line in `notes`. Once `stop` is true, Evaluate()
  // returns CANCELLED.
  static absl::StatusOr<std::unique_ptr<Observers>> Create(
      const ResolvedFlags& resolved, const models::Datasets& data,
      const graph::CompileOptions& compile, models::Session* session, const std::string& folder,
      std::vector<std::string>* notes, const std::atomic<bool>* stop = nullptr);

  // Numbers on the held-out images at the recipe's ratios (position_protocol.h), and of
  // kNN.
  absl::StatusOr<models::MetricList> Evaluate() override;
  // Writes <folder>/step_0001200.png, and returns its path. An error says why there is no
  // picture; it is the run's choice to go on without.
  absl::StatusOr<models::Picture> Draw(int64_t step) override;

 private:
  Observers() = default;

  std::unique_ptr<PositionProtocol> positions_;  // null: none to predict
  std::unique_ptr<models::Loader> loader_;       // of the held-out images
  std::unique_ptr<KnnProtocol> knn_;             // null: no labels
  const models::Dataset* train_ = nullptr;
  std::unique_ptr<SpreadDataset> knn_held_out_;
  std::unique_ptr<PositionVisualizer> visualizer_;  // null: not asked for
  std::string folder_;
};

}  // namespace tools

#endif  // TOOLS_OBSERVERS_H_
