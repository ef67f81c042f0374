#include "models/data/file_util.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "graph/base/status.h"

namespace models {
namespace {

bool HasMode(const std::string& path, mode_t mode) {
  struct stat info;
  return ::stat(path.c_str(), &info) == 0 && (info.st_mode & S_IFMT) == mode;
}

constexpr uint32_t kNoCharacter = 0;  // not shown either

struct Character {
  uint32_t code;
  size_t bytes;
};

// The first character of `text`, which is not empty, in UTF-8; one byte where that is none.
Character FirstCharacter(absl::string_view text) {
  const auto byte = [text](size_t i) { return static_cast<unsigned char>(text[i]); };
  const uint32_t lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const size_t bytes = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < bytes) return {kNoCharacter, 1};
  uint32_t code = lead & (0x7F >> bytes);
  for (size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {kNoCharacter, 1};
    code = code << 6 | (byte(i) & 0x3F);
  }
  constexpr uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool none = code < kLeast[bytes] || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000);
  return none ? Character{kNoCharacter, 1} : Character{code, bytes};
}

bool IsShown(uint32_t code) {
  struct Range {
    uint32_t first, last;
  };
  constexpr Range kHidden[] = {
      {0, 0x1F},        {0x7F, 0xA0},      // control characters, and a blank that looks like one
      {0x61C, 0x61C},   {0x200E, 0x200F},  // direction of writing
      {0x202A, 0x202E}, {0x2066, 0x2069},  // the same
      {0x200B, 0x200B}, {0xFEFF, 0xFEFF},  // no width
      {0x2028, 0x2029},                    // ends of lines
  };
  return std::none_of(std::begin(kHidden), std::end(kHidden), [code](const Range& range) {
    return code >= range.first && code <= range.last;
  });
}

}  // namespace

// Non-blocking, so that opening a named pipe does not wait for a writer.
OpenFile::OpenFile(const std::string& path)
    : file_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)),
      error_(file_ < 0 ? errno : 0) {}

OpenFile::~OpenFile() {
  if (file_ >= 0) ::close(file_);
}

std::string PrintablePath(absl::string_view path) {
  std::string text;
  while (!path.empty()) {
    const Character next = FirstCharacter(path);
    for (const char c : path.substr(0, next.bytes)) {
      if (IsShown(next.code)) {
        text += c;
      } else {
        absl::StrAppendFormat(&text, "\\x%02X", static_cast<unsigned char>(c));
      }
    }
    path.remove_prefix(next.bytes);
  }
  return text;
}

std::string Count(int64_t n, const char* what) {
  return absl::StrCat(n, " ", what, n == 1 ? "" : "s");
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
  if (file.get() < 0) return ErrnoStatus("read", path, file.error());
  struct stat info;
  if (::fstat(file.get(), &info) != 0) return ErrnoStatus("read", path, errno);
  if (S_ISDIR(info.st_mode)) return ErrnoStatus("read", path, EISDIR);
  if (!S_ISREG(info.st_mode)) {
    return graph::InvalidArgument("cannot read ", PrintablePath(path), ": not a regular file");
  }
  if (info.st_size > max_bytes) {
    return graph::InvalidArgument("cannot read ", PrintablePath(path), ": ", info.st_size,
                                  " bytes is more than the limit of ", max_bytes);
  }
  std::string bytes(static_cast<size_t>(info.st_size), '\0');
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = ::read(file.get(), &bytes[done], bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus("read", path, errno);
    if (n == 0) break;  // the file became shorter meanwhile
    done += static_cast<size_t>(n);
  }
  bytes.resize(done);
  return bytes;
}

bool IsDirectory(const std::string& path) { return HasMode(path, S_IFDIR); }
bool IsFile(const std::string& path) { return HasMode(path, S_IFREG); }

std::string JoinPath(const std::string& folder, const std::string& name) {
  if (folder.empty()) return name;
  return folder.back() == '/' ? folder + name : folder + "/" + name;
}

}  // namespace models
