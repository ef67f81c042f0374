// --plan: whether a run fits, and how long it will take, in six lines or as JSON.
#ifndef TOOLS_PLAN_SHORT_PLAN_H_
#define TOOLS_PLAN_SHORT_PLAN_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "graph/passes/pipeline.h"
#include "models/data/dataset.h"
#include "models/layers/model.h"
#include "models/training/session_plan.h"
#include "models/training/step_shape.h"
#include "nlohmann/json.hpp"
#include "tools/benchmark/machine_rates.h"
#include "tools/flags/resolve_flags.h"

namespace tools {

// A row of the table: the run as it was asked for, or with other flags.
struct PlanVariant {
  std::string flags;
  graph::PipelineOptions passes;
  std::string missing = "";  // why this machine cannot; empty: it can
};

// As asked; in bf16, or in fp32 if auto chose bf16; with the model's parts in int8; with
// recomputation. Those that are what was asked for, and those that the flags exclude
// (--passes=off), are left out.
std::vector<PlanVariant> PlanVariants(const ResolvedFlags& resolved,
                                      const MachineDefaults& machine);

// What loading costs the step beside it.
struct LoadingTime {
  double seconds = 0;  // of an image on one thread
  int workers = 0;     // threads that load; 0: the one that computes
  int cpus = 1;
};
absl::StatusOr<LoadingTime> MeasureLoading(const ResolvedFlags& resolved,
                                           const models::Dataset& data, int cpus);

// Of an image: the step's operators on `threads` threads take `computing` seconds, and share the
// CPUs with the threads that load.
double SecondsOfAnImage(double computing, int threads, const LoadingTime& loading);

struct RunLength {
  double epoch_images = 0;
  double run_images = 0;    // all epochs, or as many steps as --steps says
  int64_t data_images = 0;  // of which a batch cannot have more
};
RunLength LengthOf(const ResolvedFlags& resolved, const models::EpochPlan& epochs,
                   int64_t data_images);

// "12 min", "40 s", "2.56 h": three digits or fewer before thousands.
std::string TimeText(double hours);

// What a variant needs and takes. Evaluations and checkpoints are not counted.
struct PlanAnswer {
  std::string flags;
  std::string missing;  // why this machine cannot, and then there is no more
  models::MemoryNeeds memory;
  int64_t largest_batch =
      0;  // that fits, and no more than the data has images; 0: none, or unknown
  double gflop_per_image = 0;  // of the operators that will run
  double images_per_s = 0;
};

struct PlanAnswers {
  std::string device;                // "cpu", "cuda:0", "h100"
  absl::optional<size_t> available;  // bytes of its memory; not set: unknown
  RunLength run;
  std::vector<PlanAnswer> variants;  // the first is the run as it was asked for
  bool counts_loading = false;       // in images/s and what follows from them
};

// Seconds of an image of a session with `options` that has been planned.
using SecondsOfPlan = std::function<absl::StatusOr<double>(const models::SessionOptions& options,
                                                           const models::SessionPlan& plan)>;
absl::StatusOr<PlanAnswers> AnswerPlan(const models::Model& model,
                                       const models::SessionOptions& options,
                                       const std::vector<PlanVariant>& variants,
                                       const RunLength& run, const SecondsOfPlan& seconds);

// As AnswerPlan; the times are of the operators as this machine runs them now (step_time.h) and of
// loading.
absl::StatusOr<PlanAnswers> TimePlan(const models::Model& model,
                                     const models::SessionOptions& options,
                                     const std::vector<PlanVariant>& variants,
                                     const LoadingTime& loading, const RunLength& run,
                                     const MachineRates& rates);

// One line that answers, and the table.
std::string PlanText(const PlanAnswers& answers);
// The same numbers as an object of JSON; memory of the first variant and the others by purpose.
nlohmann::ordered_json PlanJson(const PlanAnswers& answers);

}  // namespace tools

#endif  // TOOLS_PLAN_SHORT_PLAN_H_
