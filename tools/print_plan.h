// --plan: says what a run would need and take, in the form that the flag asks for.
#ifndef TOOLS_PRINT_PLAN_H_
#define TOOLS_PRINT_PLAN_H_

#include <functional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "graph/compiler/backend.h"
#include "models/data/dataset.h"
#include "models/layers/model.h"
#include "models/training/session_plan.h"
#include "models/training/step_shape.h"
#include "tools/device.h"
#include "tools/flags/resolve_flags.h"
#include "tools/plan/gpu_plan.h"

namespace tools {

// The run that is planned: all of it outlives PrintPlan.
struct PlannedRun {
  const ResolvedFlags& resolved;
  const DeviceChoice& device;
  const GpusToDescribe& gpus;  // instead of the device, if there are any
  const models::Dataset& data;
  const models::EpochPlan& epochs;
  const models::Model& model;
  // Of the session on a backend, which outlives them.
  std::function<absl::StatusOr<models::SessionOptions>(const graph::Backend& backend)> options;
};

// Prints to standard output, and nothing where it fails.
absl::Status PrintPlan(const PlannedRun& run);

}  // namespace tools

#endif  // TOOLS_PRINT_PLAN_H_
