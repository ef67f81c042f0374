// --plan: what a training step will compute, move and keep, before it is run.
#ifndef TOOLS_PLAN_PLAN_REPORT_H_
#define TOOLS_PLAN_PLAN_REPORT_H_

#include <string>

#include "absl/status/statusor.h"
#include "models/layers/model.h"
#include "models/training/session.h"

namespace tools {

// What the machine does, measured by the caller; 0: not known, and nothing is
// predicted.
struct MachineRates {
  double gflops = 0;          // of the products, tools/bench's roofline
  double gigabytes_per_s = 0;  // of memory
};

// Tables in text, lines of at most 100 columns: the net that updates, by operator
// type and its largest operators (FLOPs, bytes moved); memory by purpose, as
// computed; the arena beside its lower bound and what lies in it at the peak; what
// --recompute saves and costs; the largest batch that fits into what is left of
// memory now; and the step time that the rates allow: the sum over operators of
// the longer of their products and their memory traffic.
//
// Plans the session a few times; reserves none of its memory. Errors are those of
// planning: an operator that the backend cannot run.
absl::StatusOr<std::string> PlanReport(const models::Model& model,
                                       const models::SessionOptions& options,
                                       const MachineRates& rates);

}  // namespace tools

#endif  // TOOLS_PLAN_PLAN_REPORT_H_
