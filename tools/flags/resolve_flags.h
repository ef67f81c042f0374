// Flags and zoo entry together: what a run really does.
#ifndef TOOLS_FLAGS_RESOLVE_FLAGS_H_
#define TOOLS_FLAGS_RESOLVE_FLAGS_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "graph/compiler/backend.h"
#include "graph/passes/pipeline.h"
#include "models/data/augment.h"
#include "models/training/step_shape.h"
#include "models/zoo/config.h"
#include "tools/flags/train_flags.h"

namespace tools {

// What a run takes from the machine where no flag says otherwise.
struct MachineDefaults {
  int threads = 1;
  int num_workers = 1;
  graph::Capabilities capabilities = {};  // of the device's backend
  std::string device = "cpu";             // "cuda:0"
};

struct ResolvedFlags {
  // Every flag that has a default is set, so that flags.txt repeats the run on
  // any machine and after any change of the zoo. effective_batch has gone into accum_iter.
  // Paths are resolved (models::ResolveUserPath). Still unset where they were not given: flags
  // whose fallback in flag_table.cc is words, those of lr and blr that the other excludes, and
  // channels where the entry takes three (PictureLimits::channels).
  TrainFlags flags;
  // The zoo entry with the flags' numbers; its model, recipe and options have been checked.
  models::ZooEntry entry;
  models::StepShape step;
  models::TransformOptions transform;
  double lr = 0;  // --lr, or blr * images of a step / 256
  std::string precision_line;  // flags.precision and, where auto chose it, why
  std::vector<std::string> notices;
  // Of the notices, what flags asked for and this machine does not have, by flag.
  std::map<std::string, std::string> lacks;
};

// `flags` come from ParseTrainFlags and name `entry`. Resolving what was written
// with TrainFlagsText(resolved.flags) gives the same again.
// Errors: InvalidArgument, one line that names flags and values.
absl::StatusOr<ResolvedFlags> ResolveTrainFlags(const TrainFlags& flags,
                                                const models::ZooEntry& entry,
                                                const MachineDefaults& machine);

// PictureLimits::channels of the run's pictures, for whatever reads them.
inline int ChannelsOfPictures(const ResolvedFlags& resolved) {
  return static_cast<int>(resolved.flags.channels.value_or(0));
}

// How a net is compiled: --passes, --disable_pass, --precision, --recompute and the precisions of
// the model's parts, without a dump.
graph::PipelineOptions PassOptions(const ResolvedFlags& resolved);

}  // namespace tools

#endif  // TOOLS_FLAGS_RESOLVE_FLAGS_H_
