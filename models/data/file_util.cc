#include "models/data/file_util.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "graph/base/printable.h"
#include "graph/base/status.h"

namespace models {

// Non-blocking, so that opening a named pipe does not wait for a writer.
OpenFile::OpenFile(const std::string& path)
    : file_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)),
      error_(file_ < 0 ? errno : 0) {}

OpenFile::~OpenFile() {
  if (file_ >= 0) ::close(file_);
}

absl::StatusOr<struct stat> OpenFile::Stat(const std::string& path) const {
  struct stat info;
  if (file_ < 0) return ErrnoStatus("read", path, error_);
  if (::fstat(file_, &info) != 0) return ErrnoStatus("read", path, errno);
  return info;
}

std::string PrintablePath(absl::string_view path) { return graph::Printable(path); }

std::string Count(int64_t n, const char* what) {
  return absl::StrCat(n, " ", what, n == 1 ? "" : "s");
}

std::string ClassesText(int num_classes) {
  if (num_classes <= 0) return "no labels";
  return num_classes == 1 ? "1 class" : absl::StrCat(num_classes, " classes");
}

absl::Status ErrnoStatus(const std::string& verb, const std::string& path, int error_number) {
  const std::string message = absl::StrCat("cannot ", verb, " ", PrintablePath(path), ": ",
                                           std::generic_category().message(error_number));
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
      return absl::NotFoundError(message);
    case EACCES:
    case EPERM:
      return absl::PermissionDeniedError(message);
    case EMFILE:
    case ENFILE:
      return absl::UnavailableError(absl::StrCat(message, "; raise the limit (ulimit -n)"));
    case ENOMEM:
      return absl::UnavailableError(absl::StrCat(message, "; leave the program more memory"));
    case EIO:
    case ESTALE:
    case ETIMEDOUT:
      return absl::UnavailableError(
          absl::StrCat(message, "; look after the disk or the server that it lies on"));
    default:
      return absl::InvalidArgumentError(message);
  }
}

absl::Status WithHint(const absl::Status& status, absl::string_view hint) {
  if (absl::IsUnavailable(status)) return status;
  return absl::Status(status.code(), absl::StrCat(status.message(), "; ", hint));
}

absl::Status CannotReadFolder(const std::string& folder, int error_number) {
  return WithHint(ErrnoStatus("read the folder", folder, error_number),
                  error_number == ENAMETOOLONG
                      ? "shorten the names of the folders above it, or take it out of the data"
                      : "make it readable (chmod u+rx), or take it out of the data");
}

absl::StatusOr<std::string> ReadFile(const std::string& path, int64_t max_bytes) {
  const OpenFile file(path);
  ASSIGN_OR_RETURN(const struct stat info, file.Stat(path));
  if (S_ISDIR(info.st_mode)) return ErrnoStatus("read", path, EISDIR);
  if (!S_ISREG(info.st_mode)) {
    return graph::InvalidArgument("cannot read ", PrintablePath(path), ": not a regular file");
  }
  if (info.st_size > max_bytes) {
    return graph::InvalidArgument("cannot read ", PrintablePath(path), ": ", info.st_size,
                                  " bytes is more than the limit of ", max_bytes);
  }
  return ReadUpTo(file.get(), 0, info.st_size, path);
}

absl::StatusOr<std::string> ReadHead(const std::string& path, int64_t size) {
  const OpenFile file(path);
  if (file.get() < 0) return ErrnoStatus("read", path, file.error());
  return ReadUpTo(file.get(), 0, size, path);
}

absl::StatusOr<std::string> ReadUpTo(int file, int64_t offset, int64_t size,
                                     const std::string& path) {
  std::string bytes(static_cast<size_t>(size), '\0');
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n =
        ::pread(file, &bytes[done], bytes.size() - done, offset + static_cast<int64_t>(done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus("read", path, errno);
    if (n == 0) break;
    done += static_cast<size_t>(n);
  }
  bytes.resize(done);
  return bytes;
}

bool IsDirectory(const std::string& path) {
  std::error_code error;
  return std::filesystem::is_directory(path, error);
}

bool IsFile(const std::string& path) {
  std::error_code error;
  return std::filesystem::is_regular_file(path, error);
}

std::string JoinPath(const std::string& folder, const std::string& name) {
  if (folder.empty()) return name;
  return folder.back() == '/' ? folder + name : folder + "/" + name;
}

}  // namespace models
