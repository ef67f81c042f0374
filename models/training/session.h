// A model made runnable: its nets compiled against one workspace, its parameters
// set, one call for a training step and one for an evaluation. No files, no
// printing, no schedule: those are Trainer's.
#ifndef MODELS_TRAINING_SESSION_H_
#define MODELS_TRAINING_SESSION_H_

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "graph/compiler/compiler.h"
#include "graph/runtime/executable.h"
#include "graph/runtime/workspace.h"
#include "models/data/loader.h"
#include "models/layers/model.h"
#include "models/training/metrics.h"
#include "models/training/nets.h"
#include "models/training/session_plan.h"
#include "models/zoo/config.h"

namespace models {

// What one accumulation window reports. Loss and metrics are means over its
// micro-batches; the rest is of its last update.
struct StepResult {
  double loss = 0;
  MetricList metrics;    // the model's
  double grad_norm = 0;  // over all parameters, before clipping
  int clipped = 0;       // parameters whose gradient was clipped
  int updates = 0;       // of the parameters, done in this window
  // The loss was above hold_above: the window's last update has not happened.
  bool held = false;
};

// Gives batches one at a time, each valid until the next call.
using BatchSource = std::function<absl::StatusOr<const Batch*>()>;
// What the source will give at its next call, valid until the call after it, or null.
using BatchPeek = std::function<const Batch*()>;

class Session {
 public:
  // `model` must outlive the session.
  static absl::StatusOr<std::unique_ptr<Session>> Create(const Model* model,
                                                         const SessionOptions& options);

  // One window of micro-batches, each through the net for its place in the window. `micro_batches`:
  // only the first so many of the window, 0 for all. `scheduled` gives each of the model's
  // scheduled inputs, and no other (InvalidArgument). A loss or gradient that is not finite is
  // OUT_OF_RANGE, naming the first operator and blob that are not: parameters, buffers and the
  // optimizer's state are then what they were before the update that was to come.
  //
  // A window whose loss is more than `hold_above`, rounded down to a float, is held back in the
  // same way until Release(): all is computed, and nothing updated by its last micro-batch. The net
  // itself decides (ops/clip_factors.h). A net that updates in the middle of a window adds to the
  // accumulators and cannot be run twice: a window that ends there is never held.
  //
  // `peek` may be empty. On a device that the host cannot reach it is asked while the device
  // computes, and the batch is copied beside that, to memory of its own: the next Step() may begin
  // with it.
  absl::StatusOr<StepResult> Step(const BatchSource& next_batch, double lr,
                                  const Scheduled& scheduled, int micro_batches = 0,
                                  double hold_above = std::numeric_limits<double>::infinity(),
                                  const BatchPeek& peek = nullptr);
  // Does the update that Step() held back, as if it had not been. Nothing may have
  // been run or fed in between.
  absl::Status Release();
  // Of the micro-batches of the last Step(), the one that failed included, in order.
  const std::vector<double>& window_losses() const { return window_losses_; }
  // And the first of them that came after the last update: the parameters are those before it.
  int first_after_update() const { return first_after_update_; }
  // Updates that the parameters have had, by the optimizer's own count.
  absl::StatusOr<int64_t> CountUpdates() const;

  // Right answers out of those asked, or the sum of a number over images.
  struct Measured {
    double sum = 0;
    int64_t count = 0;
    double value() const { return count == 0 ? 0.0 : sum / static_cast<double>(count); }
  };
  // One pass over `loader` (LoaderMode::kEvaluate) for all evaluations of the
  // model at once, in the model's order.
  absl::StatusOr<std::vector<Measured>> Evaluate(Loader* loader);

  const std::vector<Parameter>& parameters() const { return parameters_; }
  graph::Workspace* workspace() { return &workspace_; }
  const graph::Workspace& workspace() const { return workspace_; }
  // Of all its nets, at the batch of training. Others may share it between steps.
  const std::shared_ptr<graph::InputSlot>& inputs() const { return inputs_; }
  // What the optimizer keeps from step to step, by its names in the workspace. With the parameters,
  // this is what a checkpoint has.
  const std::vector<std::string>& optimizer_state() const { return optimizer_state_; }
  // The net that updates the parameters, as it runs.
  const graph::Executable& train() const { return *micro_steps_.back(); }
  // All nets of a window, in order of use, to watch (Executable::AddTraceHook).
  std::vector<graph::Executable*> micro_steps() const;
  // As planned (SessionPlan).
  double flops_per_image() const { return flops_per_image_; }
  int64_t trainable_elements() const;
  size_t arena_bytes() const { return workspace_.arena_bytes(); }
  size_t persistent_bytes() const {
    return workspace_.persistent_bytes() + inputs_->bytes() + ahead_.bytes();
  }
  const MemoryNeeds& memory() const { return memory_; }
  const SessionOptions& options() const { return options_; }

 private:
  Session(const Model* model, const SessionOptions& options)
      : model_(model),
        options_(options),
        workspace_(options.compile.backend->device),
        inputs_(std::make_shared<graph::InputSlot>(options.compile.backend->device)),
        ahead_(options.compile.backend->device) {}
  absl::Status CreateNets(SessionPlan plan);
  // Brings the source's next batch to the inputs.
  absl::Status TakeBatch(graph::Executable* executable, const BatchSource& next_batch);
  // Starts to copy the batch after it, if it is at hand.
  absl::Status CopyAhead(const BatchPeek& peek);
  absl::Status Initialize();

  const Model* const model_;
  const SessionOptions options_;
  graph::Workspace workspace_;
  const std::shared_ptr<graph::InputSlot> inputs_;
  graph::InputSlot ahead_;              // of the next batch; empty where the host reaches inputs_
  const Batch* batch_ahead_ = nullptr;  // that is there
  std::vector<Parameter> parameters_;
  std::vector<std::string> optimizer_state_;
  std::string loss_;
  std::vector<NetMetric> metrics_;
  // In order of use: {kWhole}, or {kFirst, kLast}, or {kFirst, kMiddle, kLast}.
  std::vector<std::unique_ptr<graph::Executable>> micro_steps_;
  std::vector<EvaluationNet> evaluation_nets_;  // blobs only; nets moved out
  std::vector<std::unique_ptr<graph::Executable>> evaluations_;
  std::vector<double> window_losses_;
  int first_after_update_ = 0;
  graph::Executable* held_ = nullptr;  // by Step(), for Release()
  double flops_per_image_ = 0;
  MemoryNeeds memory_;
};

}  // namespace models

#endif  // MODELS_TRAINING_SESSION_H_
