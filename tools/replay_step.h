// Repeats the step that a capsule holds: what //tools:replay does.
#ifndef TOOLS_REPLAY_STEP_H_
#define TOOLS_REPLAY_STEP_H_

#include <string>

#include "absl/status/statusor.h"
#include "graph/schema/schema.h"
#include "models/zoo/zoo.h"
#include "tools/flags/resolve_flags.h"

namespace tools {

struct ReplayStepOptions {
  std::string capsule;          // its folder
  std::string backend = "cpu";  // or "reference"
  std::string precision;        // "fp32" or "bf16"; empty: the run's
  int threads = 0;              // 0: the run's
  int images = 8;               // of a spike: how many to name, the largest losses first
};

// The step, repeated from the capsule alone, as lines to print: what the run saw, what is seen
// now (the first blob that is not finite, by name), each micro-batch's loss then and now and
// whether they are equal to the last bit, and, where they are not, what is different
// here. For a spike also the images with the largest losses, each by itself. Errors name the
// file that is missing or damaged, or what the capsule's settings lack here.
absl::StatusOr<std::string> ReplayStep(const ReplayStepOptions& options, const models::Zoo& zoo,
                                       const graph::SchemaRegistry& registry,
                                       const MachineDefaults& machine);

}  // namespace tools

#endif  // TOOLS_REPLAY_STEP_H_
