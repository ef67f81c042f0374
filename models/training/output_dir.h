// The folder that a run writes to.
#ifndef MODELS_TRAINING_OUTPUT_DIR_H_
#define MODELS_TRAINING_OUTPUT_DIR_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "models/training/run_files.h"

namespace models {

// What to do with an earlier run in the folder.
enum class EarlierRun {
  kRefuse,
  kReplace,  // --overwrite
  kResume,   // resume it
};

// Resolves `path` from where the user typed it: `bazel run` changes directory and names the old one
// in $BUILD_WORKING_DIRECTORY. Absolute and empty paths stay unchanged, as do all if that is unset.
std::string ResolveUserPath(const std::string& path);
// The same for a --data_path, whose "-" is standard input.
std::string ResolveDataPath(const std::string& path);

// Choosing and making the folder are two steps, so that everything else that can go wrong at the
// start is checked between them and no folder is made in vain.
//
// From Create() until the object is destroyed the folder is locked (flock of kLockFile), so that no
// second run writes into it; the lock ends with the process, however it ends. If checkpoints/ is a
// link, its target is locked, too. File systems without locks go unlocked.
class OutputDir {
 public:
  // Checks, and changes nothing. If `output_dir` is empty: runs/<model>-<YYYYmmdd-HHMMSS> under the
  // folder the command was typed in, with -2, -3, ... if that is taken. Errors, each with the way
  // out: FailedPrecondition (a run is writing to the folder or its checkpoints/, or has written
  // there and `earlier` is kRefuse), InvalidArgument (a file is in the way), PermissionDenied and
  // others (it, or the folder it would be made in, is not writable).
  static absl::StatusOr<OutputDir> Choose(const std::string& output_dir, const std::string& model,
                                          EarlierRun earlier, absl::Time now = absl::Now());
  OutputDir(OutputDir&& other) noexcept;
  ~OutputDir();

  // Makes the folder and its missing parents, and locks it. With kReplace, removes an earlier run's
  // files and nothing else. On an error, removes the folders it made.
  absl::Status Create();

  // Call at the end of a run, however it ended: if no step was completed, removes the run's files
  // and the folders that Create() made if they are empty, so that nothing blocks the next try. Does
  // nothing if an earlier run is resumed, if metrics.jsonl has a line beyond the `metrics_bytes`
  // that a run resumed in a new folder starts with, or if a step was kept (capsule.h) or saved.
  void DiscardUnlessBegun(int64_t metrics_bytes = 0);

  // Absolute if the user's path was, or if $BUILD_WORKING_DIRECTORY is set.
  const std::string& path() const { return path_; }
  std::string File(absl::string_view name) const;
  // Whether Create() could lock the folder and, if checkpoints/ is a link, its target.
  bool is_locked() const;
  // The current path of the folder that Create() made or found: path(), unless somebody has renamed
  // it. FailedPrecondition, with the way out, if it cannot be found.
  absl::StatusOr<std::string> PathNow() const;

 private:
  OutputDir(std::string path, bool chosen_by_us, EarlierRun earlier)
      : path_(std::move(path)), chosen_by_us_(chosen_by_us), earlier_(earlier) {}
  absl::Status Open();
  absl::Status Adopt(bool made_it);
  void Close();

  std::string path_;
  bool chosen_by_us_;
  EarlierRun earlier_;
  std::vector<std::string> made_;  // folders, by Create()
  int folder_ = -1;                // open, whatever its name
  std::vector<int> locks_;         // -1: the file system has none
};

}  // namespace models

#endif  // MODELS_TRAINING_OUTPUT_DIR_H_
