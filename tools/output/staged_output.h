// A file or folder that appears whole or not at all.
#ifndef TOOLS_OUTPUT_STAGED_OUTPUT_H_
#define TOOLS_OUTPUT_STAGED_OUTPUT_H_

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace tools {

// What is written goes to a temporary name beside the wanted one and takes that
// name only at the end; until then, and after any error, it is removed by the
// destructor, and what was there before stays. What a program that was killed left of the same
// output goes when it is written the next time. Movable.
class StagedOutput {
 public:
  enum class Kind {
    kFile,
    kFolder,
    kFiles,  // several in a folder, which may have others; each takes its name at the end
  };

  // Looks, and touches nothing, so that a tool can ask before its work. `path` must
  // lie in a folder that is writable or can be made, and must not exist itself. With
  // `overwrite` it may: a file is replaced by a file, and a folder by a folder when
  // it holds nothing but the files `replaceable`, so that a mistyped path costs
  // nobody a folder of theirs; of kFiles, files of the same names. `flag` ("--out") is what named
  // the path, for the messages; empty where no person did, and a link is then replaced itself and
  // not what it leads to. Errors are one line with the way out.
  static absl::StatusOr<StagedOutput> Choose(const std::string& flag, const std::string& path,
                                             Kind kind, bool overwrite,
                                             const std::vector<std::string>& replaceable = {});

  StagedOutput(StagedOutput&& other);
  StagedOutput(const StagedOutput&) = delete;
  StagedOutput& operator=(const StagedOutput&) = delete;
  ~StagedOutput();

  // Makes the folders that are missing, has `write` write to the temporary name it is given
  // (of a kFolder and kFiles, into the folder there), flushes that to the disk and renames it.
  // Errors: `write`'s, those of Choose() where `path` has changed since, and the file system's,
  // naming path(). Once.
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

  std::string Name() const;  // the path, and the flag before it
  // OK when `path_` may be taken.
  absl::Status Check() const;
  absl::Status Begin();
  absl::Status Flush() const;
  absl::Status Replace() const;
  absl::Status ReplaceFile() const;
  void RemoveStaging();
  std::string Staged() const;  // what `write` is given

  std::string flag_, path_;
  Kind kind_;
  bool overwrite_;
  std::vector<std::string> replaceable_;
  std::vector<std::string> made_;  // folders on the way
  std::string staging_;            // a folder; empty: nothing to remove
  int lock_ = -1;                  // of it, so that nobody takes it for a killed program's
};

// Writes `bytes` to the new file `path`. Errors name it.
absl::Status WriteBytes(const std::string& path, const std::string& bytes);

}  // namespace tools

#endif  // TOOLS_OUTPUT_STAGED_OUTPUT_H_
