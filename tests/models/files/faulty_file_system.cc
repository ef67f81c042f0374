#include "tests/models/files/faulty_file_system.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <system_error>

namespace models {

void FaultyFileSystem::Break(int64_t call, Fault fault, int error) {
  calls_ = 0;
  broken_ = false;
  fault_at_ = call;
  fault_ = fault;
  error_ = error;
}

bool FaultyFileSystem::Fails(bool frees) {
  const int64_t call = calls_++;
  if (fault_at_ < 0 || call < fault_at_) return false;
  if (call == fault_at_) {
    broken_ = true;
    if (fault_ == Fault::kPowerOff) LosePower();
  } else if (fault_ == Fault::kOnce || (fault_ == Fault::kForGood && frees)) {
    return false;
  }
  errno = error_;
  return true;
}

int FaultyFileSystem::Done(int result, const char* what, const std::string& path) {
  if (result == 0) {
    done_.push_back(std::string(what) + " " + std::filesystem::path(path).filename().string());
  }
  return result;
}

void FaultyFileSystem::LosePower() {
  for (const std::string& path : unflushed_) {
    std::error_code ignored;
    const auto size = std::filesystem::file_size(path, ignored);
    const auto kept = std::min<uintmax_t>(size, static_cast<uintmax_t>(flushed_[path]));
    if (!ignored) std::filesystem::resize_file(path, kept + (size - kept) / 2, ignored);
  }
}

int FaultyFileSystem::Open(const std::string& path, int flags) {
  const bool writes = (flags & O_ACCMODE) != O_RDONLY;
  if (writes && Fails(false)) return -1;
  const int fd = FileSystem::Open(path, flags);
  if (fd >= 0) open_[fd] = path;
  if (fd >= 0 && (flags & O_CREAT) != 0) Done(0, "create", path);
  if (fd >= 0 && (flags & (O_TRUNC | O_EXCL)) != 0) flushed_.erase(path);
  return fd;
}

ssize_t FaultyFileSystem::Write(int fd, const void* data, size_t size) {
  if (Fails(false)) {
    // Some of it is there, as on a disk that fills up.
    const int error = errno;
    if (fault_ != Fault::kPowerOff && size > 1) FileSystem::Write(fd, data, size / 2);
    errno = error;
    return -1;
  }
  unflushed_.insert(open_[fd]);
  const std::string write = "write " + std::filesystem::path(open_[fd]).filename().string();
  if (done_.empty() || done_.back() != write) Done(0, "write", open_[fd]);
  return FileSystem::Write(fd, data, size);
}

int FaultyFileSystem::Truncate(int fd, int64_t size) {
  return Fails(true) ? -1 : FileSystem::Truncate(fd, size);
}

int FaultyFileSystem::Sync(int fd) {
  if (Fails(false)) return -1;
  // Only LosePower() asks what was flushed, and a real disk takes its time.
  const std::string path = open_[fd];
  Done(0, "flush", path);
  unflushed_.erase(path);
  std::error_code ignored;
  const auto size = std::filesystem::file_size(path, ignored);
  if (!ignored) flushed_[path] = static_cast<int64_t>(size);
  return 0;
}

int FaultyFileSystem::Close(int fd) {
  open_.erase(fd);
  return FileSystem::Close(fd);
}

// What is known of files by their paths goes with them when they, or a folder above, move.
void FaultyFileSystem::Moved(const std::string& from, const std::string& to) {
  const auto moved = [&](const std::string& path) {
    if (path == from) return to;
    if (path.rfind(from + "/", 0) == 0) return to + path.substr(from.size());
    return path;
  };
  std::set<std::string> unflushed;
  for (const std::string& path : unflushed_) unflushed.insert(moved(path));
  std::map<std::string, int64_t> flushed;
  for (const auto& [path, size] : flushed_) flushed[moved(path)] = size;
  for (auto& [fd, path] : open_) path = moved(path);
  unflushed_ = std::move(unflushed);
  flushed_ = std::move(flushed);
}

int FaultyFileSystem::Rename(const std::string& from, const std::string& to) {
  if (Fails(false)) return -1;
  const int result = FileSystem::Rename(from, to);
  if (result == 0) {
    unflushed_.erase(to);  // the file that had this name
    Moved(from, to);
  }
  return Done(result, "rename", to);
}

int FaultyFileSystem::Exchange(const std::string& a, const std::string& b) {
  if (!exchanges_) {
    errno = EINVAL;
    return -1;
  }
  if (Fails(false)) return -1;
  const int result = FileSystem::Exchange(a, b);
  if (result == 0) {
    const std::string between = a + ".between";
    Moved(a, between);
    Moved(b, a);
    Moved(between, b);
  }
  return Done(result, "rename", b);
}

int FaultyFileSystem::MakeFolder(const std::string& path) {
  return Fails(false) ? -1 : Done(FileSystem::MakeFolder(path), "make", path);
}

int FaultyFileSystem::Remove(const std::string& path) {
  return Fails(true) ? -1 : Done(FileSystem::Remove(path), "remove", path);
}

int FaultyFileSystem::RemoveIn(int folder, const std::string& name) {
  return Fails(true) ? -1 : Done(FileSystem::RemoveIn(folder, name), "remove", name);
}

int FaultyFileSystem::Link(const std::string& target, const std::string& path) {
  return Fails(false) ? -1 : Done(FileSystem::Link(target, path), "link", target);
}

int64_t FaultyFileSystem::FreeBytes(const std::string& path) {
  return free_bytes_ >= 0 ? free_bytes_ : FileSystem::FreeBytes(path);
}

}  // namespace models
