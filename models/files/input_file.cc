#include "models/files/input_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "graph/base/status.h"

namespace models {
namespace {

absl::Status CannotRead(const std::string& path, int error) {
  const std::string message = absl::StrCat("cannot read ", path, ": ", std::strerror(error));
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return absl::NotFoundError(message);
    case EISDIR:
    case ELOOP:
    case ENXIO:
      return absl::DataLossError(message);
    case EACCES:
    case EPERM:
      return absl::PermissionDeniedError(message);
    default:
      return absl::UnavailableError(message);
  }
}

}  // namespace

absl::StatusOr<InputFile> InputFile::Open(const std::string& path) {
  // Non-blocking, so that a pipe is not waited for.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return CannotRead(path, errno);
  InputFile file(path, fd);
  struct stat info;
  if (::fstat(fd, &info) != 0) return CannotRead(path, errno);
  if (!S_ISREG(info.st_mode)) {
    return absl::DataLossError(absl::StrCat("cannot read ", path, ": it is no regular file"));
  }
  file.bytes_ = info.st_size;
  return file;
}

absl::StatusOr<std::string> InputFile::ReadAll(const std::string& path, int64_t most) {
  ASSIGN_OR_RETURN(const InputFile file, Open(path));
  if (file.bytes() > most) {
    return absl::DataLossError(
        absl::StrCat(path, " has ", file.bytes(), " bytes: it is not what a run wrote"));
  }
  std::string bytes(static_cast<size_t>(file.bytes()), '\0');
  ASSIGN_OR_RETURN(const size_t n, file.ReadAt(0, absl::MakeSpan(bytes)));
  bytes.resize(n);
  return bytes;
}

InputFile::InputFile(InputFile&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)), bytes_(other.bytes_) {}

InputFile::~InputFile() {
  if (fd_ >= 0) ::close(fd_);
}

absl::StatusOr<size_t> InputFile::ReadAt(int64_t offset, absl::Span<char> to) const {
  size_t done = 0;
  while (done < to.size()) {
    const ssize_t n =
        ::pread(fd_, to.data() + done, to.size() - done, offset + static_cast<int64_t>(done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return CannotRead(path_, errno);
    if (n == 0) break;
    done += static_cast<size_t>(n);
  }
  return done;
}

}  // namespace models
