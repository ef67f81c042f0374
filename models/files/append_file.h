// A file that grows by whole records: train.log, metrics.jsonl, TensorBoard's events.
#ifndef MODELS_FILES_APPEND_FILE_H_
#define MODELS_FILES_APPEND_FILE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "models/files/file_system.h"

namespace models {

// Owns the file. Each record is handed to the operating system whole before Append returns,
// so that a reader or a crash of this process never sees half of one. Not thread-safe.
// Errors are those of the system calls and name the path. `files` must outlive the object.
//
// The file is a regular one under its own name. A link of that name is refused, because what it
// leads to belongs to somebody else, and so are pipes and devices. Of a file that has other names,
// too, those keep what they have.
class AppendFile {
 public:
  // Makes the file, or empties the one that has its name.
  static absl::StatusOr<AppendFile> Create(const std::string& path, FileSystem* files);
  // The same where the name is free; AlreadyExists where it is not.
  static absl::StatusOr<AppendFile> CreateNew(const std::string& path, FileSystem* files);
  // Goes on behind the first `keep_bytes` bytes of an existing file that has so many; what
  // is behind them goes.
  static absl::StatusOr<AppendFile> Resume(const std::string& path, int64_t keep_bytes,
                                           FileSystem* files);

  AppendFile() = default;  // not open: only to be assigned to
  AppendFile(AppendFile&& other) noexcept;
  AppendFile& operator=(AppendFile&& other) noexcept;
  ~AppendFile();

  // On an error (disk full, ...) the file ends with the last whole record, as far as the
  // system lets it, and may be appended to again: what is left of this one goes first.
  absl::Status Append(absl::string_view record);
  // Waits until the disk has all records. After an error it is the same error for good, because
  // nobody knows which records were lost. A file that was removed meanwhile comes back whole;
  // where another has taken its name, that one stays.
  absl::Status Sync();

  bool is_open() const { return fd_ >= 0; }
  const std::string& path() const { return path_; }
  int64_t bytes() const { return bytes_; }  // all of them whole records

 private:
  static absl::StatusOr<AppendFile> Open(const std::string& path, int flags, FileSystem* files);
  absl::Status PutBackIfRemoved();

  std::string path_;
  int fd_ = -1;
  int64_t bytes_ = 0;
  FileSystem* files_ = nullptr;
  bool is_cut_ = false;  // a part of a record stands behind them
  absl::Status lost_;
};

}  // namespace models

#endif  // MODELS_FILES_APPEND_FILE_H_
