// How long a training step will take here, before there is a session that could run one.
#ifndef TOOLS_PLAN_STEP_TIME_H_
#define TOOLS_PLAN_STEP_TIME_H_

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "graph/compiler/backend.h"
#include "graph/ir/net.h"
#include "graph/schema/schema.h"
#include "models/layers/model.h"
#include "models/training/session_plan.h"

namespace tools {

// A step is the sum of its operators. Those of equal types and attributes are timed once, alone and
// with random inputs, however many nets have them: a net of 12 blocks takes a tenth of its step to
// time. An operator of more than 512 MiB (AdamW of all parameters) is not run: its time is
// its traffic at `gb_per_s`.
class StepTimer {
 public:
  StepTimer(const graph::SchemaRegistry* registry, const graph::Backend* backend, double gb_per_s)
      : registry_(*registry), backend_(*backend), gb_per_s_(gb_per_s) {}

  // Of a window of the session that `plan` has planned from `model` and `options`. Where its
  // operators are long, they are timed at a smaller batch, and each type's time grows with its
  // work (FLOPs, or bytes moved where there are none).
  absl::StatusOr<double> WindowSeconds(const models::Model& model,
                                       const models::SessionOptions& options,
                                       const models::SessionPlan& plan);

 private:
  std::string Key(const graph::Net& net, const graph::Op& op) const;
  double OpSeconds(const graph::Net& net, const graph::Op& op);
  // Of a run of `net`, whose operators are timed as in `timed`, the same net at another batch.
  double NetSeconds(const graph::Net& timed, const graph::Net& net);
  int TimedBatch(const graph::Net& net, int batch) const;

  const graph::SchemaRegistry& registry_;
  const graph::Backend& backend_;
  const double gb_per_s_;
  std::map<std::string, double> seconds_;  // by Key
  int batch_ = 0;                          // at which all nets are timed; 0: not decided
};

}  // namespace tools

#endif  // TOOLS_PLAN_STEP_TIME_H_
