// Files that are whole or not there, and sums to tell whether they still are what
// was written.
#ifndef MODELS_FILES_DURABLE_H_
#define MODELS_FILES_DURABLE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "models/files/file_system.h"

namespace models {

// Of a file's bytes: XXH3 with 64 bits (xxhash.com), against accidents, not attacks.
struct FileSum {
  int64_t bytes = 0;
  uint64_t xxh3 = 0;
  friend bool operator==(const FileSum& a, const FileSum& b) {
    return a.bytes == b.bytes && a.xxh3 == b.xxh3;
  }
};
FileSum SumOfBytes(absl::string_view bytes);
// Reads the file, a piece at a time. Errors are those of InputFile.
absl::StatusOr<FileSum> SumOfFile(const std::string& path);
// That the file's sum is `sum`: DataLoss where it is not. A file of another length is not read.
absl::Status CheckSum(const std::string& path, const FileSum& sum);
std::string HexText(uint64_t value);  // 16 digits

// Writes one file, which exists from Create() on and is removed again unless Finish()
// succeeds. Movable. Errors name `path` and the system's reason.
class FileWriter {
 public:
  // `path` must not exist.
  static absl::StatusOr<FileWriter> Create(const std::string& path, FileSystem* files);
  FileWriter(FileWriter&&) noexcept;
  ~FileWriter();

  absl::Status Append(absl::string_view bytes);
  // Flushes the bytes to the disk and closes. The file's name is on the disk only when
  // its folder is flushed too (SyncFolder).
  absl::Status Finish();
  // Of what was appended.
  FileSum sum() const;
  const std::string& path() const { return path_; }

 private:
  struct Hash;
  FileWriter(std::string path, int fd, FileSystem* files);
  absl::Status Error() const;

  std::string path_;
  int fd_;
  FileSystem* files_;
  std::unique_ptr<Hash> hash_;
  int64_t bytes_ = 0;
};

// Flushes the names in `folder` to the disk. Some file systems cannot; that is no error.
absl::Status SyncFolder(const std::string& folder, FileSystem* files);

// The folder that `path` lies in: "." for a bare name.
std::string FolderOf(const std::string& path);

// A file of another name beside `path`, for Replace() to take.
absl::StatusOr<FileWriter> CreateBeside(const std::string& path, FileSystem* files);
// Finishes `writer` and gives its file the name `path`, whatever had it before. On an error
// `path` is what it was, and nothing else is left.
absl::Status Replace(FileWriter writer, const std::string& path, FileSystem* files);
// Both, for a file that is in memory.
absl::Status ReplaceFile(const std::string& path, absl::string_view bytes, FileSystem* files);

// Gives `to` the first `most` bytes of `from`, or all where it has fewer, as Replace() does.
// Errors are those of InputFile and Replace().
absl::Status CopyFile(const std::string& from, int64_t most, const std::string& to,
                      FileSystem* files);

// That `folder` has room for `bytes` and a little beside them: ResourceExhausted says how much
// `what` needs. A few megabytes are just tried, because that costs nothing and what a file system
// says is not always so.
absl::Status CheckRoom(absl::string_view what, int64_t bytes, const std::string& folder,
                       FileSystem* files);

// Removes a folder and the files in it, as far as that goes: where another folder in it
// holds something, both stay. Links are never followed: of a link, as of a file, in place of the
// folder that alone goes.
void RemoveFolder(const std::string& folder, FileSystem* files);

// "cannot write PATH: <errno's reason>".
absl::Status CannotWrite(const std::string& path);

}  // namespace models

#endif  // MODELS_FILES_DURABLE_H_
