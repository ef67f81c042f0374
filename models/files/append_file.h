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

// Owns the file. Append hands each record to the operating system whole before it returns, so that
// a reader or a crash of this process never sees half a record. Not thread-safe. Errors are those
// of the system calls and name the path. `files` must outlive the object.
//
// Links are refused because their targets belong to somebody else; pipes and devices, too. If the
// file has other hard links, those keep their contents.
class AppendFile {
 public:
  // Makes the file, or empties an existing one.
  static absl::StatusOr<AppendFile> Create(const std::string& path, FileSystem* files);
  // The same, but AlreadyExists if the name is taken.
  static absl::StatusOr<AppendFile> CreateNew(const std::string& path, FileSystem* files);
  // Opens an existing file that has at least `keep_bytes` bytes, cuts it to those, and appends
  // there.
  static absl::StatusOr<AppendFile> Resume(const std::string& path, int64_t keep_bytes,
                                           FileSystem* files);

  AppendFile() = default;  // not open: only to be assigned to
  AppendFile(AppendFile&& other) noexcept;
  AppendFile& operator=(AppendFile&& other) noexcept;
  ~AppendFile();

  // On an error (disk full, ...) the file is cut back to its last whole record, now or by the next
  // call, and can be appended to again.
  absl::Status Append(absl::string_view record);
  // Waits until all records are on the disk. After an error it returns the same error for good,
  // because nobody knows which records were lost. If the file was removed meanwhile it is restored,
  // unless another file has taken its name.
  absl::Status Sync();

  bool is_open() const { return fd_ >= 0; }
  const std::string& path() const { return path_; }
  int64_t bytes() const { return bytes_; }  // whole records only

 private:
  static absl::StatusOr<AppendFile> Open(const std::string& path, int flags, FileSystem* files);
  absl::Status PutBackIfRemoved();

  std::string path_;
  int fd_ = -1;
  int64_t bytes_ = 0;
  FileSystem* files_ = nullptr;
  bool is_cut_ = false;  // part of a record follows them
  absl::Status lost_;
};

}  // namespace models

#endif  // MODELS_FILES_APPEND_FILE_H_
