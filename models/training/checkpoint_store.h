// The checkpoints of a run:
//
//   checkpoints/step_00001234/model.safetensors      parameters, official names
//                             optimizer.safetensors  the optimizer's states, such as moments
//                             state.json             run_state.h
//                             DONE                   the sum of state.json
//   checkpoint.safetensors -> checkpoints/step_00001234/model.safetensors, the newest
//   best.safetensors -> checkpoints/step_00000620/model.safetensors, see KeepBest()
//
// A checkpoint is written under a name that begins with a dot, flushed to the disk and renamed, so
// a folder called step_* is whole. state.json has the other files' sums and DONE has its: what an
// editor, a bad disk or a half-done copy changed is not taken for good.
#ifndef MODELS_TRAINING_CHECKPOINT_STORE_H_
#define MODELS_TRAINING_CHECKPOINT_STORE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "models/files/file_system.h"
#include "models/training/run_files.h"
#include "models/training/run_state.h"
#include "models/training/session.h"

namespace models {

// In a checkpoint, beside kModelFile.
inline constexpr char kOptimizerFile[] = "optimizer.safetensors";

// A whole checkpoint on the disk.
struct Checkpoint {
  std::string path;
  RunState state;
};

// The checkpoint in the folder `path`, all of which is read to compare the sums. Errors name the
// file: PermissionDenied and Unavailable where it could not be read just now and may be whole
// (input_file.h, a link to a disk that is not there), any other where it is not what a run wrote.
absl::StatusOr<Checkpoint> OpenCheckpoint(const std::string& path);

// The newest whole one of the run in `run_folder`, in which nothing is touched. NotFound if there
// is none at all; DataLoss, with the reason for each, if none is whole. One that could not be read
// is an error, not passed over: it may be whole, and going on from an earlier one would give up
// what it has. A copy of another step's counts as damaged.
struct NewestCheckpoint {
  Checkpoint checkpoint;
  struct Damaged {
    std::string path, reason;  // the reason names the file
  };
  std::vector<Damaged> passed_over;  // newer ones
};
absl::StatusOr<NewestCheckpoint> FindNewestCheckpoint(const std::string& run_folder);

// The steps of all checkpoints of the run, ascending, by their names alone; one that lost its name
// to a crash while it was being replaced (replace_folder.h) is among them. None if there is no
// folder for them; an error if it cannot be read, or is a link to none (a disk that is not
// mounted).
absl::StatusOr<std::vector<int64_t>> CheckpointSteps(const std::string& run_folder);

// Keeps a damaged checkpoint under a name that no reader takes for one, damaged_step_00001234 or
// followed by -2, -3, ...: a run that resumes from an earlier one does this, because its logs no
// longer reach as far as this one says. Returns a line that says so, or that the file system
// cannot (an overlay's lower layer, for one): the next resume passes over it again.
std::string SetAside(const std::string& checkpoint, FileSystem* files);

// Sets parameters and optimizer state; after an error, which may leave some of them set, the
// session is of no use.
absl::Status RestoreCheckpoint(const Checkpoint& checkpoint, Session* session);

// Writes the files of a checkpoint into `folder`, which is there and empty but for files whose sums
// state.files has already, and flushes them. `metadata` is for ParameterTensors().
absl::Status WriteCheckpointFiles(const std::string& folder, RunState state, const Session& session,
                                  const std::map<std::string, std::string>& metadata,
                                  FileSystem* files);
// The bytes of its tensors, which are nearly all.
int64_t CheckpointBytes(const Session& session);

// For a `folder` of checkpoints or capsules, which are named by their steps. Makes it, if it is not
// there, and removes what runs left in it that were killed while they wrote or removed one.
absl::Status PrepareStepFolders(const std::string& folder, FileSystem* files);
// Has `write` fill a new folder and gives that the name of `step` in `folder`, in place of an
// earlier one. Returns its path. It appears whole or not at all: on an error what was there is
// there still.
absl::StatusOr<std::string> WriteStepFolder(
    const std::string& folder, int64_t step,
    absl::FunctionRef<absl::Status(const std::string& staging)> write, FileSystem* files);

// Beside the best.
struct KeepPolicy {
  int keep = 2;            // the newest so many; 0: all
  int64_t keep_every = 0;  // and every one whose step is a multiple; 0: none
};

// Writes checkpoints. One for a run folder at a time (OutputDir sees to that).
class CheckpointStore {
 public:
  // `run_folder` exists by the first Save(). `files` must outlive it.
  CheckpointStore(std::string run_folder, KeepPolicy policy,
                  FileSystem* files = FileSystem::Real());

  // Has each later Save() and CheckFolder() ask for the run folder's path by now
  // (OutputDir::PathNow), because somebody may have renamed it.
  void Follow(std::function<absl::StatusOr<std::string>()> path_now);
  // That the folder is still where the run writes by its path; otherwise FailedPrecondition says
  // where it is.
  absl::Status CheckFolder() const;

  // Saves the session as of `state`, whose `files` are filled in here, moves the link, and removes
  // what the policy does not keep; of a checkpoint that was moved away and left a link, that link
  // alone. `metadata` is for ParameterTensors(). A checkpoint of the same step is replaced. On an
  // error what was there is there still: RESOURCE_EXHAUSTED if the disk has not the room
  // (CheckRoom), or the system's, naming the file. Returns the checkpoint's path.
  absl::StatusOr<std::string> Save(RunState state, const Session& session,
                                   const std::map<std::string, std::string>& metadata);

  // Before a run resumes after `step`: does what a Save() that was killed had still to do. Removes
  // what it left, and, if that step's checkpoint is in this folder, moves the link and prunes as
  // Save() does, with its errors. Returns whether it is.
  absl::StatusOr<bool> Adopt(int64_t step);

  // From here on the checkpoint of `step` stays, and best.safetensors leads to it; an earlier best
  // goes when it is next pruned. Nothing changes if that checkpoint is not in this folder.
  absl::Status KeepBest(int64_t step);

 private:
  void SetFolder(std::string run_folder);
  bool Has(int64_t step) const;
  absl::Status PointLink(const char* name, int64_t step);
  void Prune(int64_t saved);

  std::string run_folder_, folder_;
  KeepPolicy policy_;
  int64_t best_ = -1;  // a step; -1: none
  FileSystem* files_;
  std::function<absl::StatusOr<std::string>()> path_now_;
};

}  // namespace models

#endif  // MODELS_TRAINING_CHECKPOINT_STORE_H_
