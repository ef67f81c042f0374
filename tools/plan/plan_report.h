// --plan=full: what a training step will compute, move and keep, before it runs.
#ifndef TOOLS_PLAN_PLAN_REPORT_H_
#define TOOLS_PLAN_PLAN_REPORT_H_

#include <string>

#include "absl/status/statusor.h"
#include "models/layers/model.h"
#include "models/training/session.h"
#include "tools/benchmark/machine_rates.h"

namespace tools {

// Tables in text, lines of at most 100 columns: the net that updates, by operator type and its
// largest operators (FLOPs, bytes moved); memory by purpose, as computed; the arena beside its
// lower bound and its contents at the peak; what --recompute saves and costs; and the step time
// that the rates allow: the sum over operators of the longer of the time for their products, at the
// rate of their types, and the time for their memory traffic. Rates of 0 are unknown and take no
// time.
//
// Plans the session a few times without reserving its memory. Errors are those of planning: an
// operator that the backend cannot run.
absl::StatusOr<std::string> PlanReport(const models::Model& model,
                                       const models::SessionOptions& options,
                                       const MachineRates& rates);

}  // namespace tools

#endif  // TOOLS_PLAN_PLAN_REPORT_H_
