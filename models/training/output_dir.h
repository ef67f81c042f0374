// The folder that a run writes to.
#ifndef MODELS_TRAINING_OUTPUT_DIR_H_
#define MODELS_TRAINING_OUTPUT_DIR_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace models {

// What a run writes into its folder, beside train.log (run_log.h): all that --overwrite
// replaces.
inline constexpr char kCheckpointsFolder[] = "checkpoints";       // checkpoint_store.h
inline constexpr char kNewestModel[] = "checkpoint.safetensors";  // a link into it
inline constexpr char kMetricsFile[] = "metrics.jsonl";
inline constexpr char kFlagsFile[] = "flags.txt";
inline constexpr char kEnvironmentFile[] = "environment.json";
// Pictures of the run: vis/step_0001200.png, ...
inline constexpr char kVisFolder[] = "vis";
inline constexpr char kProfileFolder[] = "profile";
inline constexpr char kTensorboardFolder[] = "tensorboard";
// What is kept of a step that went wrong: capsules/step_00001234/...
inline constexpr char kCapsulesFolder[] = "capsules";

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
// From Create() until the object is destroyed the folder is locked (flock), so that no
// second run writes into it; the lock ends with the process, however that ends. File
// systems that cannot lock a folder do without.
class OutputDir {
 public:
  // Looks, and touches nothing. `output_dir` empty: runs/<model>-<YYYYmmdd-HHMMSS>
  // under the folder the command was typed in, with -2, -3, ... where that is
  // taken. Errors, each with the way out: FailedPrecondition (a run is writing to the
  // folder, or has and `earlier` is kRefuse), InvalidArgument (a file is in the way),
  // PermissionDenied and others (it or the folder it would be made in is not
  // writable).
  static absl::StatusOr<OutputDir> Choose(const std::string& output_dir, const std::string& model,
                                          EarlierRun earlier, absl::Time now = absl::Now());
  OutputDir(OutputDir&& other) noexcept;
  ~OutputDir();

  // Makes the folder and those above it, and locks it. With kReplace, removes an earlier
  // run's files and nothing else. On an error, folders made on the way are removed again.
  absl::Status Create();

  // Takes back what Create() made, for a run that ended before its first step: the
  // run's files, and the folder where Create() made it and it is empty. Does nothing
  // where an earlier run is resumed.
  void Discard();

  // Absolute where the user's path was, or where $BUILD_WORKING_DIRECTORY is set.
  const std::string& path() const { return path_; }
  std::string File(absl::string_view name) const;

 private:
  OutputDir(std::string path, bool chosen_by_us, EarlierRun earlier)
      : path_(std::move(path)), chosen_by_us_(chosen_by_us), earlier_(earlier) {}
  absl::Status Lock();

  std::string path_;
  bool chosen_by_us_;
  EarlierRun earlier_;
  bool made_ = false;  // by Create(): the folder itself
  int lock_ = -1;
};

}  // namespace models

#endif  // MODELS_TRAINING_OUTPUT_DIR_H_
