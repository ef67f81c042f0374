#include "models/files/file_system.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>

namespace models {
namespace {

template <typename Call>
auto Repeat(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

}  // namespace

FileSystem* FileSystem::Real() {
  static FileSystem* const real = new FileSystem();
  return real;
}

int FileSystem::Open(const std::string& path, int flags) {
  return Repeat([&] { return ::open(path.c_str(), flags | O_CLOEXEC, 0666); });
}

ssize_t FileSystem::Write(int fd, const void* data, size_t size) {
  return Repeat([&] { return ::write(fd, data, size); });
}

int FileSystem::Truncate(int fd, int64_t size) {
  return Repeat([&] { return ::ftruncate(fd, size); });
}

int FileSystem::Sync(int fd) {
  return Repeat([&] { return ::fsync(fd); });
}

// Never repeated: Linux has closed the file when it says EINTR.
int FileSystem::Close(int fd) { return ::close(fd); }

int FileSystem::Rename(const std::string& from, const std::string& to) {
  return ::rename(from.c_str(), to.c_str());
}

int FileSystem::Exchange(const std::string& a, const std::string& b) {
  return ::renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE);
}

int FileSystem::MakeFolder(const std::string& path) { return ::mkdir(path.c_str(), 0777); }

int FileSystem::Remove(const std::string& path) { return ::remove(path.c_str()); }

int FileSystem::RemoveIn(int folder, const std::string& name) {
  const int failed = ::unlinkat(folder, name.c_str(), 0);
  return failed && errno == EISDIR ? ::unlinkat(folder, name.c_str(), AT_REMOVEDIR) : failed;
}

int FileSystem::Link(const std::string& target, const std::string& path) {
  return ::symlink(target.c_str(), path.c_str());
}

int64_t FileSystem::FreeBytes(const std::string& path) {
  struct statvfs info;
  if (Repeat([&] { return ::statvfs(path.c_str(), &info); }) != 0) return -1;
  if (info.f_blocks == 0) return -1;
  return static_cast<int64_t>(info.f_bavail) * static_cast<int64_t>(info.f_frsize);
}

int FileSystem::WriteAll(int fd, absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = Write(fd, bytes.data(), bytes.size());
    if (n == 0) errno = EIO;
    if (n <= 0) return -1;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return 0;
}

int FileSystem::Flush(int fd) {
  if (Sync(fd) == 0 || errno == EINVAL || errno == ENOTSUP || errno == ENOSYS) return 0;
  return -1;
}

}  // namespace models
