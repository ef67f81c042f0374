// The names of what a run writes into its folder. A folder may come from elsewhere and hold
// anything: only entries with exactly these names belong to a run.
#ifndef MODELS_TRAINING_RUN_FILES_H_
#define MODELS_TRAINING_RUN_FILES_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"

namespace models {

// Everything that --overwrite replaces.
inline constexpr char kTrainLogFile[] = "train.log";              // run_log.h
inline constexpr char kCheckpointsFolder[] = "checkpoints";       // checkpoint_store.h
inline constexpr char kNewestModel[] = "checkpoint.safetensors";  // a link into it
inline constexpr char kBestModel[] = "best.safetensors";          // another
inline constexpr char kMetricsFile[] = "metrics.jsonl";
inline constexpr char kFlagsFile[] = "flags.txt";
inline constexpr char kEnvironmentFile[] = "environment.json";
// Pictures of the run: vis/step_0001200.png, ...
inline constexpr char kVisFolder[] = "vis";
inline constexpr char kProfileFolder[] = "profile";
inline constexpr char kTensorboardFolder[] = "tensorboard";
// Prefix of the names in it, before <seconds since 1970>.<host>.
inline constexpr char kEventFilePrefix[] = "events.out.tfevents.";
bool IsEventFile(absl::string_view name);
// State kept of a step that went wrong: capsules/step_00001234/...
inline constexpr char kCapsulesFolder[] = "capsules";
// Locked by the run that writes to the folder (output_dir.h). It stays, empty.
inline constexpr char kLockFile[] = ".lock";
// In a checkpoint.
inline constexpr char kModelFile[] = "model.safetensors";

std::string CheckpointName(int64_t step);  // "step_00001234"
// The step in such a folder name; nullopt for any other name.
absl::optional<int64_t> StepOfName(absl::string_view name);
// Prefixes of the name of a checkpoint or capsule: while it is written, while it is removed, and
// when it is damaged and kept.
inline constexpr char kStagingPrefix[] = ".new-";
inline constexpr char kRetiredPrefix[] = ".old-";
inline constexpr char kDamagedPrefix[] = "damaged_";
// Whether `name` is `prefix` followed by a checkpoint's name.
bool IsCheckpointName(absl::string_view prefix, absl::string_view name);

// The model that `path` means: the file itself; of a run's folder or its checkpoints/, the newest
// one; of a checkpoint's folder, its own. NotFound if a folder is none of these.
absl::StatusOr<std::string> FindModelFile(const std::string& path);

// Whether the folder holds a run, or remains of one.
bool HoldsRun(const std::string& folder);
// Error if one of the run's subfolders is a link, which leads to somebody else's files;
// checkpoints/ is exempt because it may be put on another disk on purpose.
absl::Status CheckFoldersAreOwn(const std::string& folder);
// FailedPrecondition if RemoveRun() would remove something outside the folder: checkpoints/ is a
// link to a folder with checkpoints, which may be other runs'.
absl::Status CheckCanRemoveRun(const std::string& folder);
// Removes everything of a run except the lock. Folders that hold something else stay, with that.
// Errors name the file, or are those of CheckCanRemoveRun().
absl::Status RemoveRun(const std::string& folder);
// Removes half-written files, which killed processes leave. The caller holds the lock.
void RemoveHalfWritten(const std::string& folder);

}  // namespace models

#endif  // MODELS_TRAINING_RUN_FILES_H_
