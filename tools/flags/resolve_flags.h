// Flags and zoo entry together: what a run really does.
#ifndef TOOLS_FLAGS_RESOLVE_FLAGS_H_
#define TOOLS_FLAGS_RESOLVE_FLAGS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "graph/compiler/backend.h"
#include "models/zoo/config.h"
#include "tools/flags/train_flags.h"

namespace tools {

// What a run takes from the machine where no flag says otherwise.
struct MachineDefaults {
  int threads = 1;
  int num_workers = 1;
  graph::Capabilities capabilities = {};  // of the backend
};

struct ResolvedFlags {
  // Every flag that has a default is set, so that flags.txt repeats the run on
  // any machine and after any change of the zoo. effective_batch and token_size
  // have gone into the others; so have overwrite and resume, which are meant once. Paths are
  // resolved (models::ResolveUserPath). Still unset where they were not given:
  // data_path, steps, init_from, allow_missing, disable_pass, dump_graph, output_dir, and those
  // of lr and blr that the other excludes.
  TrainFlags flags;
  // The zoo entry with the flags' numbers; its model, droppos and recipe have
  // passed models::Validate.
  models::ZooEntry entry;
  int accum_iter = 1;
  int effective_batch = 0;  // batch_size * accum_iter
  double lr = 0;            // --lr, or blr * effective_batch / 256
  // --compat=official: models::SessionOptions has a field of this name.
  bool step_every_micro_batch = false;
  bool overwrite = false;
  std::vector<std::string> notices;
};

// `flags` come from ParseTrainFlags and name `entry`. Resolving what was written
// with TrainFlagsText(resolved.flags) gives the same again.
// Errors: InvalidArgument, one line that names flags and values.
absl::StatusOr<ResolvedFlags> ResolveTrainFlags(const TrainFlags& flags,
                                                const models::ZooEntry& entry,
                                                const MachineDefaults& machine);

}  // namespace tools

#endif  // TOOLS_FLAGS_RESOLVE_FLAGS_H_
