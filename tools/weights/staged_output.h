// A file or folder that appears whole or not at all.
#ifndef TOOLS_WEIGHTS_STAGED_OUTPUT_H_
#define TOOLS_WEIGHTS_STAGED_OUTPUT_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/optional.h"

namespace tools {

// What is written goes to a temporary name beside the wanted one and takes that
// name only in Commit(); until then, and after any error, it is removed by the
// destructor. Movable.
class StagedOutput {
 public:
  enum class Kind { kFile, kFolder };

  // Looks, and touches nothing. `path` must lie in a folder that exists and is
  // writable, and must not exist itself. With `overwrite` it may: a file is
  // replaced by a file, and a folder by a folder when it holds nothing but the
  // files `replaceable`, so that a mistyped path costs nobody a folder of theirs.
  // Errors are one line with the way out.
  static absl::StatusOr<StagedOutput> Choose(const std::string& path, Kind kind, bool overwrite,
                                             const std::vector<std::string>& replaceable = {});

  StagedOutput(StagedOutput&& other);
  StagedOutput(const StagedOutput&) = delete;
  StagedOutput& operator=(const StagedOutput&) = delete;
  ~StagedOutput();

  // Makes the folder under its temporary name; files only get the name. Errors: the
  // file system's, naming path().
  absl::Status Begin();
  // Where to write; of a kFolder, the folder itself. Valid after Begin().
  const std::string& staging() const { return staging_; }
  // Flushes what lies there to the disk and renames it.
  absl::Status Commit();

  const std::string& path() const { return path_; }

 private:
  StagedOutput(std::string path, Kind kind, bool overwrite, std::vector<std::string> replaceable)
      : path_(std::move(path)),
        kind_(kind),
        overwrite_(overwrite),
        replaceable_(std::move(replaceable)) {}

  // OK when `path_` may be taken.
  absl::Status Check() const;
  absl::Status Replace() const;

  std::string path_;
  Kind kind_;
  bool overwrite_;
  std::vector<std::string> replaceable_;
  std::string staging_;  // empty: nothing to remove
};

// Writes `bytes` to the new file `path`. Errors name it.
absl::Status WriteBytes(const std::string& path, const std::string& bytes);

}  // namespace tools

#endif  // TOOLS_WEIGHTS_STAGED_OUTPUT_H_
