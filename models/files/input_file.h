// Reads back a file of a run, which may have become anything.
#ifndef MODELS_FILES_INPUT_FILE_H_
#define MODELS_FILES_INPUT_FILE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace models {

// A regular file, open for reading. Errors are "cannot read PATH: REASON": NotFound if it does not
// exist; DataLoss if it is a folder, a pipe (reading would wait) or a device (reading might never
// end); PermissionDenied or Unavailable if it may be intact but cannot be read now (another user's
// file, a failing disk, too many open files). Thread-safe.
class InputFile {
 public:
  static absl::StatusOr<InputFile> Open(const std::string& path);
  // The whole file; DataLoss if it has more than `most` bytes.
  static absl::StatusOr<std::string> ReadAll(const std::string& path, int64_t most);

  InputFile(InputFile&& other) noexcept;
  ~InputFile();

  int64_t bytes() const { return bytes_; }  // at the time of Open()
  // Fills `to` from byte `offset` on. Returns the bytes read, fewer than asked for only at the end.
  absl::StatusOr<size_t> ReadAt(int64_t offset, absl::Span<char> to) const;

 private:
  InputFile(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}

  std::string path_;
  int fd_;
  int64_t bytes_ = 0;
};

}  // namespace models

#endif  // MODELS_FILES_INPUT_FILE_H_
