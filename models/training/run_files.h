// What a run writes into its folder, by name. A folder may come from elsewhere and hold anything:
// only what has exactly a name that is given here is a run's own.
#ifndef MODELS_TRAINING_RUN_FILES_H_
#define MODELS_TRAINING_RUN_FILES_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"

namespace models {

// All that --overwrite replaces.
inline constexpr char kTrainLogFile[] = "train.log";              // run_log.h
inline constexpr char kCheckpointsFolder[] = "checkpoints";       // checkpoint_store.h
inline constexpr char kNewestModel[] = "checkpoint.safetensors";  // a link into it
inline constexpr char kMetricsFile[] = "metrics.jsonl";
inline constexpr char kFlagsFile[] = "flags.txt";
inline constexpr char kEnvironmentFile[] = "environment.json";
// Pictures of the run: vis/step_0001200.png, ...
inline constexpr char kVisFolder[] = "vis";
inline constexpr char kProfileFolder[] = "profile";
inline constexpr char kTensorboardFolder[] = "tensorboard";
// Of the names in it, before <seconds since 1970>.<host>.
inline constexpr char kEventFilePrefix[] = "events.out.tfevents.";
bool IsEventFile(absl::string_view name);
// What is kept of a step that went wrong: capsules/step_00001234/...
inline constexpr char kCapsulesFolder[] = "capsules";
// Locked by the run that writes to the folder (output_dir.h). It stays, empty.
inline constexpr char kLockFile[] = ".lock";
// In a checkpoint.
inline constexpr char kModelFile[] = "model.safetensors";

std::string CheckpointName(int64_t step);  // "step_00001234"
// The step of a folder with such a name; nothing for any other name.
absl::optional<int64_t> StepOfName(absl::string_view name);
// Before the name of a checkpoint or capsule: while it is written, on its way out, and where it
// is damaged and was kept.
inline constexpr char kStagingPrefix[] = ".new-";
inline constexpr char kRetiredPrefix[] = ".old-";
inline constexpr char kDamagedPrefix[] = "damaged_";
// Whether `name` is `prefix` and a checkpoint's name.
bool IsCheckpointName(absl::string_view prefix, absl::string_view name);

// The model that `path` means: the file itself, or, of a folder, the newest one of a run or of its
// checkpoints/, or the one of a checkpoint. NotFound where a folder is none of these.
absl::StatusOr<std::string> FindModelFile(const std::string& path);

// That the folder holds a run, or what is left of one.
bool HoldsRun(const std::string& folder);
// That none of the folder's own folders is a link, which leads to somebody else's files; but for
// checkpoints/: those are put on another disk on purpose.
absl::Status CheckFoldersAreOwn(const std::string& folder);
// That RemoveRun() would remove nothing outside the folder: FailedPrecondition where checkpoints/
// is a link and leads to some, which may be other runs'.
absl::Status CheckCanRemoveRun(const std::string& folder);
// Removes all that is a run's, but for the lock. Folders that hold something else stay, and so
// does that. Errors name the file, or are of CheckCanRemoveRun().
absl::Status RemoveRun(const std::string& folder);
// Removes what those who write under another name first leave when they are killed. For who has
// the lock.
void RemoveHalfWritten(const std::string& folder);

}  // namespace models

#endif  // MODELS_TRAINING_RUN_FILES_H_
