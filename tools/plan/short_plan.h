// --plan: whether a run fits, and how long it will take, in six lines.
#ifndef TOOLS_PLAN_SHORT_PLAN_H_
#define TOOLS_PLAN_SHORT_PLAN_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "graph/passes/pipeline.h"
#include "models/data/dataset.h"
#include "models/layers/model.h"
#include "models/training/session_plan.h"
#include "models/training/step_shape.h"
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

// One line that answers, and the table. The times are of the operators as this machine runs them
// now (step_time.h) and of loading; evaluations and checkpoints are not counted.
absl::StatusOr<std::string> ShortPlan(const models::Model& model,
                                      const models::SessionOptions& options,
                                      const std::vector<PlanVariant>& variants,
                                      const LoadingTime& loading, const RunLength& run,
                                      const MachineRates& rates);

}  // namespace tools

#endif  // TOOLS_PLAN_SHORT_PLAN_H_
