// What a training session is made of and what memory that needs, before any of it is reserved.
#ifndef MODELS_TRAINING_SESSION_PLAN_H_
#define MODELS_TRAINING_SESSION_PLAN_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "graph/compiler/compiler.h"
#include "models/data/loader.h"
#include "models/layers/model.h"
#include "models/training/memory_check.h"
#include "models/training/nets.h"
#include "models/zoo/config.h"

namespace models {

struct SessionOptions {
  graph::CompileOptions compile;  // registry, backend, threads, passes
  RecipeConfig recipe;            // batch_size is the micro-batch
  int accum_iter = 1;
  // What the published code does with accum_iter > 1: every micro-batch updates
  // the parameters, with the gradient summed so far in the window, and the sum
  // stays as it was clipped for that (UpdateWhen::kMicroStep). The counter of
  // updates, by which Adam corrects its moments, counts micro-batches then.
  bool step_every_micro_batch = false;
  uint64_t seed = 0;
  bool evaluations = true;  // compile the evaluation nets too
  // Create() fails when the run needs more memory than is left (memory_check.h).
  bool check_memory = true;
  int loader_batches = 2 * kLoaderBatches;  // of training and held-out images, for that sum
  // Nets that others compile against the session's workspace, at a batch size, and run
  // between steps: Create() and PlanSession() count what they need. May be empty.
  std::function<absl::StatusOr<std::vector<graph::Net>>(int batch_size)> other_nets;
  std::string memory_root;  // where the files that say what is left begin; tests set it
  // Called with each net before and after its passes: (net, stage, net itself).
  std::function<void(const std::string& stage, const graph::Net& net)> dump;
};

// What a session would need.
struct SessionPlan {
  std::vector<graph::NetPlan> steps;        // training nets in order of use; the last updates
  std::vector<graph::NetPlan> evaluations;  // as options.evaluations says
  std::vector<graph::NetPlan> others;       // options.other_nets
  std::vector<Parameter> parameters;
  MemoryNeeds memory;
};
absl::StatusOr<SessionPlan> PlanSession(const Model& model, const SessionOptions& options);

// The largest batch whose session fits into `available` bytes, or 0: sessions are
// planned at a few batches around what a straight line says.
absl::StatusOr<int> LargestBatch(const Model& model, const SessionOptions& options,
                                 size_t available);

// The rest is what Session::Create() shares with PlanSession().

// The nets of a window, in order of use, and their names.
std::vector<std::pair<MicroStep, const char*>> MicroSteps(const SessionOptions& options);
absl::StatusOr<TrainingNet> BuildStep(const Model& model, const SessionOptions& options,
                                      MicroStep micro_step, const char* name);

// Plans what options.other_nets gives at the session's batch.
absl::StatusOr<std::vector<graph::NetPlan>> PlanOthers(const SessionOptions& options);

// What a net adds to what lives from run to run, by name.
void AddLasting(const graph::Net& net, std::map<std::string, size_t>* bytes);

// `bytes`: of what lives from run to run, by name.
MemoryNeeds Needs(const Model& model, const SessionOptions& options,
                  const std::vector<Parameter>& parameters,
                  const std::map<std::string, size_t>& bytes, size_t arena);

// That a session needs more than `available`, as DoesNotFit() says, with what would fit;
// OK where it does not.
absl::Status ExplainShortage(const Model& model, const SessionOptions& options, size_t available);

}  // namespace models

#endif  // MODELS_TRAINING_SESSION_PLAN_H_
