// Writes files so that they are whole or absent, and checksums that tell whether they are still as
// written.
#ifndef MODELS_FILES_DURABLE_H_
#define MODELS_FILES_DURABLE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "models/files/file_system.h"

namespace models {

// Sum of a file's bytes: 64-bit XXH3 (xxhash.com), against accidents, not attacks.
struct FileSum {
  int64_t bytes = 0;
  uint64_t xxh3 = 0;
  friend bool operator==(const FileSum& a, const FileSum& b) {
    return a.bytes == b.bytes && a.xxh3 == b.xxh3;
  }
};
FileSum SumOfBytes(absl::string_view bytes);
// Reads the file piece by piece. Errors are those of InputFile.
absl::StatusOr<FileSum> SumOfFile(const std::string& path);
// DataLoss if the file's sum is not `sum`. A file of another length is not read.
absl::Status CheckSum(const std::string& path, const FileSum& sum);
std::string HexText(uint64_t value);  // 16 digits
class Summer;                         // sums a file piece by piece

// Writes one file. It exists from Create() on and is removed again unless Finish() succeeds.
// Movable. Errors name `path` and the system's reason.
class FileWriter {
 public:
  // `path` must not exist.
  static absl::StatusOr<FileWriter> Create(const std::string& path, FileSystem* files);
  FileWriter(FileWriter&&) noexcept;
  ~FileWriter();

  absl::Status Append(absl::string_view bytes);
  // Flushes the bytes to the disk and closes the file. Its name is on the disk only after its
  // folder is flushed too (SyncFolder).
  absl::Status Finish();
  // Of the bytes appended.
  FileSum sum() const;
  const std::string& path() const { return path_; }

 private:
  FileWriter(std::string path, int fd, FileSystem* files);

  std::string path_;
  int fd_;
  FileSystem* files_;
  std::unique_ptr<Summer> summer_;
};

// Flushes the names in `folder` to the disk. OK if the file system cannot do that.
absl::Status SyncFolder(const std::string& folder, FileSystem* files);

// The folder of `path`: "." for a bare name.
std::string FolderOf(const std::string& path);

// The names in `folder` as far as it can be read; `error`, if given, says why not to its end.
std::vector<std::string> NamesIn(const std::string& folder, std::error_code* error = nullptr);

// Makes a file with another name beside `path`, for Replace().
absl::StatusOr<FileWriter> CreateBeside(const std::string& path, FileSystem* files);
// Finishes `writer` and renames its file to `path`, replacing any earlier one. On an error `path`
// is unchanged and nothing else is left.
absl::Status Replace(FileWriter writer, const std::string& path, FileSystem* files);
// CreateBeside() and Replace(), for bytes in memory.
absl::Status ReplaceFile(const std::string& path, absl::string_view bytes, FileSystem* files);

// Replaces `to` by the first `most` bytes of `from`, or all if it has fewer. Errors are those of
// InputFile and Replace().
absl::Status CopyFile(const std::string& from, int64_t most, const std::string& to,
                      FileSystem* files);

// ResourceExhausted if `folder` lacks room for `bytes` and a small reserve; the error says how much
// `what` needs. A few megabytes are not checked, because file systems misreport free space.
absl::Status CheckRoom(absl::string_view what, int64_t bytes, const std::string& folder,
                       FileSystem* files);

// Removes a folder and the files in it, as far as possible; a folder inside it that is not empty
// stays, and so does `folder`. Never follows links: if `folder` is a link or a file, only that is
// removed.
void RemoveFolder(const std::string& folder, FileSystem* files);

// "cannot write PATH: <errno's reason>".
absl::Status CannotWrite(const std::string& path);

}  // namespace models

#endif  // MODELS_FILES_DURABLE_H_
