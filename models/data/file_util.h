// Reads files; errors name the path and the reason.
#ifndef MODELS_DATA_FILE_UTIL_H_
#define MODELS_DATA_FILE_UTIL_H_

#include <sys/stat.h>

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace models {

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
  // Its fstat(), or why it cannot be opened or examined; messages call it `path`.
  absl::StatusOr<struct stat> Stat(const std::string& path) const;

 private:
  const int file_;
  const int error_;
};

// The bytes of the regular file `path`. NotFound, PermissionDenied or InvalidArgument (a folder,
// larger than `max_bytes`): "cannot read PATH: REASON". This and the next two are thread-safe.
absl::StatusOr<std::string> ReadFile(const std::string& path, int64_t max_bytes);
// Up to `size` bytes of the file `path` from its beginning, or of the open file `file`, which
// messages call `path`, from `offset` on. They are fewer only where the file ends.
absl::StatusOr<std::string> ReadHead(const std::string& path, int64_t size);
absl::StatusOr<std::string> ReadUpTo(int file, int64_t offset, int64_t size,
                                     const std::string& path);

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
