// Reads whole files; errors name the path and the reason.
#ifndef MODELS_DATA_FILE_UTIL_H_
#define MODELS_DATA_FILE_UTIL_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace models {

// The bytes of the regular file `path`. NotFound, PermissionDenied or
// InvalidArgument (a folder, larger than `max_bytes`): "cannot read PATH: REASON".
// Thread-safe.
absl::StatusOr<std::string> ReadFile(const std::string& path, int64_t max_bytes);

// A file open for reading, closed by the destructor. If it cannot be opened, get() is -1 and
// error() is the errno.
class OpenFile {
 public:
  explicit OpenFile(const std::string& path);
  ~OpenFile();
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  int get() const { return file_; }
  int error() const { return error_; }

 private:
  const int file_;
  const int error_;
};

// Both follow symbolic links and return false on any error.
bool IsDirectory(const std::string& path);
bool IsFile(const std::string& path);

// "a/b" from "a" and "b", "a/" and "b", "" and "a/b".
std::string JoinPath(const std::string& folder, const std::string& name);

// graph::Printable(path): a name may hold line breaks, a message must not.
std::string PrintablePath(absl::string_view path);

// "1 image", "2 images".
std::string Count(int64_t n, const char* what);
// "no labels", "1 class", "2 classes".
std::string ClassesText(int num_classes);

// Some editors put this before UTF-8 text.
inline constexpr char kByteOrderMark[] = "\xEF\xBB\xBF";

// "cannot VERB PATH: strerror(ERROR_NUMBER)"; NotFound if that is the cause. If the machine and not
// the file is at fault (too many open files, no memory, a failing disk or file server), the status
// is Unavailable and the message says what to do.
absl::Status ErrnoStatus(const std::string& verb, const std::string& path, int error_number);

// Appends "; HINT" (what to do) to `status`, except to an Unavailable one, which has its own.
absl::Status WithHint(const absl::Status& status, absl::string_view hint);

// ErrnoStatus() for a folder that cannot be listed, with what to do.
absl::Status CannotReadFolder(const std::string& folder, int error_number);

}  // namespace models

#endif  // MODELS_DATA_FILE_UTIL_H_
