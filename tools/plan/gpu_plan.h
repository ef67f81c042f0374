// --plan for GPUs that need not be here: nets are compiled for them, times are predicted.
#ifndef TOOLS_PLAN_GPU_PLAN_H_
#define TOOLS_PLAN_GPU_PLAN_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "graph/compiler/backend.h"
#include "models/layers/model.h"
#include "models/training/session_plan.h"
#include "nlohmann/json.hpp"
#include "tools/device.h"
#include "tools/flags/train_flags.h"
#include "tools/plan/gpu_chips.h"
#include "tools/plan/short_plan.h"
#include "tools/plan/step_prediction.h"

namespace tools {

struct GpusToDescribe {
  std::vector<GpuChip> chips;  // none: the plan is for a device of this machine
  std::string reason;          // why they are described; empty if --plan_gpu names them
  // The GPU that was looked for and found: not to be made again.
  absl::optional<DeviceChoice> here;
};

// Of --plan: the chips of --plan_gpu, or h100 and h200 where --device=cuda finds no GPU; none for
// other devices. Errors name the flag: an unknown chip, --plan_gpu beside --device=cpu.
absl::StatusOr<GpusToDescribe> ChooseGpusToDescribe(const TrainFlags& flags, int threads);

// The backend that describes `chip`; UNAVAILABLE without the CUDA backend's library, and then the
// error names --plan_gpu.
absl::StatusOr<graph::Backend> DescribeBackend(const GpuChip& chip, int threads);
// What ResolveTrainFlags goes by.
absl::StatusOr<DeviceChoice> DescribedDevice(const GpuChip& chip);

struct GpuPlan {
  GpuChip chip;
  PlanAnswers answers;  // images/s are those of the goal
  int64_t window_images = 0;
  std::vector<KindOfWork> window;  // of the run as it was asked for
};

// `options` has DescribeBackend(chip)'s.
absl::StatusOr<GpuPlan> PlanForGpu(const models::Model& model,
                                   const models::SessionOptions& options,
                                   const std::vector<PlanVariant>& variants, const RunLength& run,
                                   const GpuChip& chip);

// The chip, the answer, and the table of variants; with `by_kind` that of the step. `loading` says
// how many threads like this machine's the GPU would need.
std::string GpuPlanText(const GpuPlan& plan, const LoadingTime& loading, bool by_kind);
// PlanJson with "gpu" (the data sheet), "loading" and "step" (milliseconds by kind).
nlohmann::ordered_json GpuPlanJson(const GpuPlan& plan, const LoadingTime& loading);

}  // namespace tools

#endif  // TOOLS_PLAN_GPU_PLAN_H_
