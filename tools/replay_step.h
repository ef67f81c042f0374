// Repeats the step that a capsule holds, for //tools:replay.
#ifndef TOOLS_REPLAY_STEP_H_
#define TOOLS_REPLAY_STEP_H_

#include <string>

#include "absl/status/statusor.h"
#include "graph/schema/schema.h"
#include "models/zoo/zoo.h"
#include "tools/device.h"
#include "tools/flags/resolve_flags.h"

namespace tools {

struct ReplayStepOptions {
  std::string capsule;                // its folder
  DeviceChoice device = CpuDevice();  // of ChooseAnyDevice
  std::string precision;              // "fp32" or "bf16"; empty: the run's
  int threads = 0;                    // 0: the run's
  int images = 8;                     // of a spike: how many to name, the largest losses first
};

// Repeats the step from the capsule alone. Returns lines to print: what the run saw, what is seen
// now (the first blob that is not finite, by name), each micro-batch's loss then and now, whether
// they are equal to the last bit and, if not, what is different here. For a spike, also the images
// with the largest losses, each by itself. Errors name the missing or damaged file, or what the
// capsule's settings lack here.
absl::StatusOr<std::string> ReplayStep(const ReplayStepOptions& options, const models::Zoo& zoo,
                                       const graph::SchemaRegistry& registry,
                                       const MachineDefaults& machine);

}  // namespace tools

#endif  // TOOLS_REPLAY_STEP_H_
