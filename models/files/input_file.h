// A file of a run that is read back, which may be anything by now.
#ifndef MODELS_FILES_INPUT_FILE_H_
#define MODELS_FILES_INPUT_FILE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace models {

// A regular file, open for reading. Errors are "cannot read PATH: REASON": NotFound where there
// is none, DataLoss where it is a folder, a pipe (which would be waited for) or a device (which
// might never end), and PermissionDenied or Unavailable where it may be there and whole and could
// not be read just now (another's file, a failing disk, too many open files). Thread-safe.
class InputFile {
 public:
  static absl::StatusOr<InputFile> Open(const std::string& path);
  // The whole file; DataLoss where it has more than `most` bytes.
  static absl::StatusOr<std::string> ReadAll(const std::string& path, int64_t most);

  InputFile(InputFile&& other) noexcept;
  ~InputFile();

  int64_t bytes() const { return bytes_; }  // when it was opened
  // Fills `to` from byte `offset` on. Returns how much: less than asked for only at the end.
  absl::StatusOr<size_t> ReadAt(int64_t offset, absl::Span<char> to) const;

 private:
  InputFile(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}

  std::string path_;
  int fd_;
  int64_t bytes_ = 0;
};

}  // namespace models

#endif  // MODELS_FILES_INPUT_FILE_H_
