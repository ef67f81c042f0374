// A file or folder that appears whole or not at all.
#ifndef TOOLS_OUTPUT_STAGED_OUTPUT_H_
#define TOOLS_OUTPUT_STAGED_OUTPUT_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace tools {

// Output is written under a temporary name beside the wanted one and takes that name only at the
// end. Until then, and after any error, the destructor removes it, and earlier output stays.
// Remains of a killed program are removed when the same output is written the next time. Movable.
class StagedOutput {
 public:
  enum class Kind {
    kFile,
    kFolder,
    kFiles,  // several in a folder that may have others; each takes its name at the end
  };

  // Checks, and changes nothing, so that a tool can ask before its work. `path` must lie in a
  // folder that is writable or can be made, and must not exist. With `overwrite` it may exist: a
  // file is replaced by a file; a folder by a folder, if it holds only the files `replaceable`, so
  // that a mistyped path costs nobody a folder; with kFiles, files of the same names. Messages name
  // `flag` ("--out"), which gave the path; if it is empty, no person gave the path, and a link is
  // replaced itself instead of its target. Errors are one line with the way out.
  static absl::StatusOr<StagedOutput> Choose(const std::string& flag, const std::string& path,
                                             Kind kind, bool overwrite,
                                             const std::vector<std::string>& replaceable = {});

  // Makes the missing folders, calls `write` with the temporary name (for kFolder and kFiles, of an
  // existing folder), flushes the result to the disk and renames it. Errors: `write`'s, those of
  // Choose() if `path` has changed since, and the file system's, naming path(). Call once.
  absl::Status Write(const std::function<absl::Status(const std::string& staging)>& write);

  const std::string& path() const { return path_; }

 private:
  StagedOutput(std::string flag, std::string path, Kind kind, bool overwrite,
               std::vector<std::string> replaceable)
      : flag_(std::move(flag)),
        path_(std::move(path)),
        kind_(kind),
        overwrite_(overwrite),
        replaceable_(std::move(replaceable)) {}

  std::string Name() const;  // the path, after the flag
  // OK if `path_` may be taken.
  absl::Status Check() const;
  absl::Status Begin();
  absl::Status Flush() const;
  absl::Status Replace() const;
  absl::Status ReplaceFile() const;
  std::string Staged() const;  // the argument of `write`

  std::string flag_, path_;
  Kind kind_;
  bool overwrite_;
  std::vector<std::string> replaceable_;
  // Removed at its end, `made` only where nothing was written into them.
  struct Staging {
    ~Staging();
    std::vector<std::string> made;  // folders on the way
    std::string folder;
    int lock = -1;  // on the folder, so that no other program takes it for a killed program's
  };
  std::unique_ptr<Staging> staging_;
};

// Refuses a path that does not end in .png; `flag` ("--out") gave it.
absl::Status CheckPngName(const std::string& flag, const std::string& path);

// Writes `bytes` to the new file `path`. Errors name it.
absl::Status WriteBytes(const std::string& path, const std::string& bytes);

}  // namespace tools

#endif  // TOOLS_OUTPUT_STAGED_OUTPUT_H_
