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
  kResume,   // go on with it
};

// `path` as the person who typed it means it: `bazel run` changes directory, and
// $BUILD_WORKING_DIRECTORY names the one the command was typed in. Absolute and
// empty paths stay as they are, as does everything where the variable is unset.
std::string ResolveUserPath(const std::string& path);

// Choosing and making the folder are two steps, so that everything else that
// can go wrong at start is checked in between and nothing is made in vain.
//
// From Create() until the object is destroyed the folder is locked (flock of kLockFile), so
// that no second run writes into it; the lock ends with the process, however that ends. So is the
// folder that checkpoints/ leads to where that is a link. File systems without locks do without.
class OutputDir {
 public:
  // Looks, and touches nothing. `output_dir` empty: runs/<model>-<YYYYmmdd-HHMMSS>
  // under the folder the command was typed in, with -2, -3, ... where that is
  // taken. Errors, each with the way out: FailedPrecondition (a run is writing to the
  // folder or its checkpoints/, or has and `earlier` is kRefuse), InvalidArgument (a file is in the
  // way), PermissionDenied and others (it or the folder it would be made in is not writable).
  static absl::StatusOr<OutputDir> Choose(const std::string& output_dir, const std::string& model,
                                          EarlierRun earlier, absl::Time now = absl::Now());
  OutputDir(OutputDir&& other) noexcept;
  ~OutputDir();

  // Makes the folder and those above it, and locks it. With kReplace, removes an earlier
  // run's files and nothing else. On an error, folders made on the way are removed again.
  absl::Status Create();

  // For the end of a run, however it came: takes back what Create() made where no step came of
  // it, so that nothing blocks the next try. These are the run's files, and the folders that
  // Create() made where they are empty. Does nothing where an earlier run is resumed, or where
  // metrics.jsonl has a line beyond the `metrics_bytes` that a run goes on with in a new folder, or
  // a step was kept (capsule.h) or saved.
  void DiscardUnlessBegun(int64_t metrics_bytes = 0);

  // Absolute where the user's path was, or where $BUILD_WORKING_DIRECTORY is set.
  const std::string& path() const { return path_; }
  std::string File(absl::string_view name) const;
  // Whether Create() could lock the folder, and the one of a link.
  bool is_locked() const;
  // The path of the folder that Create() made or found: path(), or another one since somebody has
  // renamed it. FailedPrecondition, with the way out, where it cannot be found; another folder
  // may have its name, and is not this run's to write into.
  absl::StatusOr<std::string> PathNow() const;

 private:
  OutputDir(std::string path, bool chosen_by_us, EarlierRun earlier)
      : path_(std::move(path)), chosen_by_us_(chosen_by_us), earlier_(earlier) {}
  absl::Status Open();
  absl::Status TakeUp(bool made_it);
  void Close();

  std::string path_;
  bool chosen_by_us_;
  EarlierRun earlier_;
  std::vector<std::string> made_;  // folders, by Create()
  int folder_ = -1;                // whatever its name
  std::vector<int> locks_;         // -1: none to be had
};

}  // namespace models

#endif  // MODELS_TRAINING_OUTPUT_DIR_H_
