// What a training session is made of and what memory that needs, before any of it is reserved.
#ifndef MODELS_TRAINING_SESSION_PLAN_H_
#define MODELS_TRAINING_SESSION_PLAN_H_

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "graph/compiler/compiler.h"
#include "models/data/loader.h"
#include "models/layers/model.h"
#include "models/training/nets.h"
#include "models/training/step_shape.h"
#include "models/zoo/config.h"

namespace models {

struct SessionOptions {
  graph::CompileOptions compile;  // registry, backend, threads, passes
  RecipeConfig recipe;
  // Makes the optimizer of the recipe's numbers.
  std::function<OptimizerSpec(const RecipeConfig&)> optimizer = AdamW;
  StepShape step;
  int batch_multiple = 1;   // of which LargestBatch gives one, where one fits
  bool evaluations = true;  // compile the evaluation nets too
  // Create() fails when the run needs more memory than is left.
  bool check_memory = true;
  int loader_batches = 2 * kLoaderBatches;  // of training and held-out images, in that check
  // Nets that others compile against the session's workspace and inputs and run between steps, at a
  // batch size: PlanSession() counts the arena that they need, and Create() reserves it. May be
  // empty.
  std::function<absl::StatusOr<std::vector<graph::Net>>(int batch_size)> other_nets;
  // Called with each of the session's own nets before and after its passes.
  std::function<void(const std::string& stage, const graph::Net& net)> dump;
};

// Bytes of the device's memory, as computed from the nets, and beside it of the host's.
struct MemoryNeeds {
  size_t parameters = 0;
  size_t optimizer = 0;     // its states: moments, and the count of updates
  size_t accumulators = 0;  // of gradient accumulation
  size_t other = 0;         // inputs, also of the batch ahead, counters, and other states
  size_t arena = 0;         // activations, gradients, scratch: the largest net's, observers' too
  size_t loader = 0;        // batches decoded ahead, where the device's memory is the host's
  size_t host = 0;          // those batches, where it is not
  size_t persistent() const { return parameters + optimizer + accumulators + other; }
  size_t total() const { return persistent() + arena + loader; }
};

// What a session is made of, and what it would need.
struct SessionPlan {
  std::vector<graph::Prepared> steps;           // training nets in order of use; the last updates
  std::vector<graph::Prepared> evaluations;     // as options.evaluations says
  std::vector<EvaluationNet> evaluation_blobs;  // of those; their nets have moved out
  std::vector<graph::Prepared> others;          // options.other_nets
  // What a run saves and restores: all parameters, buffers among them, and the optimizer's states
  // by name.
  std::vector<Parameter> parameters;
  std::vector<std::string> optimizer_state;
  std::string loss;  // TrainingNet's, as the next
  std::vector<NetMetric> metrics;
  MemoryNeeds memory;
  // Floating-point operations of the net that updates over its images, as the schemas count what
  // runs after all passes: "GFLOP an image" wherever it is said without more words. The update's
  // share shrinks as the batch grows.
  double flops_per_image = 0;
};
absl::StatusOr<SessionPlan> PlanSession(const Model& model, const SessionOptions& options);

// The largest batch whose session fits into `available` bytes, or 0: sessions are
// planned at a few batches around what a straight line says.
absl::StatusOr<int> LargestBatch(const Model& model, const SessionOptions& options,
                                 size_t available);

// What would fit; 0 means unknown or none.
struct MemoryAdvice {
  int batch_size = 0;           // largest that fits with the current settings
  bool recompute_left = false;  // --recompute is not used and its pass is not disabled
  bool recompute_fits = false;  // the wanted batch with --recompute=block
};

// RESOURCE_EXHAUSTED that names --batch_size and --recompute and what would fit.
absl::Status DoesNotFit(const MemoryNeeds& needs, size_t available, int batch_size,
                        const MemoryAdvice& advice);

// The error of a session that needs `needs`, more than `available`, with what would fit.
absl::Status ExplainShortage(const Model& model, const SessionOptions& options,
                             const MemoryNeeds& needs, size_t available);

}  // namespace models

#endif  // MODELS_TRAINING_SESSION_PLAN_H_
