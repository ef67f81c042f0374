// --resume: from which checkpoint a run goes on, and whether it is still the same run.
#ifndef TOOLS_RESUME_H_
#define TOOLS_RESUME_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "models/training/checkpoint_store.h"
#include "models/training/output_dir.h"
#include "models/zoo/zoo.h"
#include "tools/environment.h"
#include "tools/flags/train_flags.h"

namespace tools {

// The names of RunState::notes.
inline constexpr char kFlagsNote[] = "flags";              // TrainFlagsText of the resolved flags
inline constexpr char kEnvironmentNote[] = "environment";  // EnvironmentText
// The note `name`; empty if there is none.
std::string Note(const models::RunState& state, const char* name);

struct Resumption {
  // Nothing: the run begins at its beginning.
  absl::optional<models::Checkpoint> checkpoint;
  std::string output_dir;  // empty: as --output_dir or its default says
  models::EarlierRun earlier = models::EarlierRun::kRefuse;
  // The checkpoint's run folder, where the run goes on in another one: its logs are copied.
  std::string logs_from;
  std::vector<models::NewestCheckpoint::Damaged> damaged;  // newer ones than `checkpoint`
  // The run folder's checkpoints when `checkpoint` was chosen among them.
  std::vector<int64_t> steps_then;
  std::string note;  // to be said; may be empty

  // The flags of the run so far, in the form of flags.txt, and what they come from.
  std::string flags() const;
  std::string flags_name() const;
};

// What `args` (--resume, --output_dir, --overwrite) ask for. Reads a whole checkpoint to
// compare its sums. Errors, one line each: a checkpoint or folder that is not there or not
// whole, --resume=auto or a checkpoint in no run's folder without --output_dir, flags that
// contradict each other, later checkpoints in a folder that is to go on from an earlier one.
absl::StatusOr<Resumption> FindResumption(const std::vector<std::string>& args,
                                          const models::Zoo& zoo);

// That `now` continues the run of the checkpoint: every flag that changes what is computed
// must be equal (Lifetime::kRun). FailedPrecondition names each that is not, with both values, and
// what the machine `lacks` of it (ResolvedFlags).
absl::Status CheckSameRun(const Resumption& resumption, const TrainFlags& now,
                          const models::Zoo& zoo,
                          const std::map<std::string, std::string>& lacks = {});

// One line when the processor's instructions, the number of threads or the program are not
// those of the checkpoint, so that the rest of the run differs by roundings from the one
// that did not stop; or nothing.
std::string WhatRoundsDifferently(const Resumption& resumption, const Environment& now);

// Called after the output folder was locked: checks that the checkpoints in it are still
// those that were chosen among (FailedPrecondition: another process went on with the
// run meanwhile), and then sets the damaged ones aside. Returns lines that say so.
absl::StatusOr<std::vector<std::string>> TakeOverCheckpoints(const Resumption& resumption);

// Copies the metrics and the log up to where the checkpoint knows them into the new folder, and
// TensorBoard's event files.
absl::Status CopyLogs(const Resumption& resumption, const models::OutputDir& output);

}  // namespace tools

#endif  // TOOLS_RESUME_H_
