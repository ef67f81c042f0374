#include "models/files/append_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "graph/base/status.h"
#include "models/files/durable.h"

namespace models {
namespace {

// If the file of `path` has other hard links, replaces it by a copy of its first `keep_bytes`
// bytes, so that a copy of a run's folder by `cp -al` stays unchanged.
absl::Status PartFromOtherNames(const std::string& path, int64_t keep_bytes, FileSystem* files) {
  struct stat info;
  if (::lstat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode) || info.st_nlink < 2) {
    return absl::OkStatus();
  }
  return CopyFile(path, keep_bytes, path, files);
}

}  // namespace

absl::StatusOr<AppendFile> AppendFile::Open(const std::string& path, int flags, FileSystem* files) {
  AppendFile file;
  file.path_ = path;
  file.files_ = files;
  // Non-blocking, so that a pipe is not waited for.
  file.fd_ = files->Open(path, O_RDWR | O_APPEND | O_NOFOLLOW | O_NONBLOCK | flags);
  if (file.fd_ < 0 && errno == ELOOP) {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot write ", path, ": it is a link; remove it, or move its file here"));
  }
  if (file.fd_ < 0) return CannotWrite(path);
  struct stat info;
  if (::fstat(file.fd_, &info) != 0 || !S_ISREG(info.st_mode)) {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot write ", path, ": it is no regular file; remove it"));
  }
  return file;
}

absl::StatusOr<AppendFile> AppendFile::Create(const std::string& path, FileSystem* files) {
  RETURN_IF_ERROR(PartFromOtherNames(path, 0, files));
  return Open(path, O_CREAT | O_TRUNC, files);
}

absl::StatusOr<AppendFile> AppendFile::CreateNew(const std::string& path, FileSystem* files) {
  return Open(path, O_CREAT | O_EXCL, files);
}

absl::StatusOr<AppendFile> AppendFile::Resume(const std::string& path, int64_t keep_bytes,
                                              FileSystem* files) {
  RETURN_IF_ERROR(PartFromOtherNames(path, keep_bytes, files));
  ASSIGN_OR_RETURN(AppendFile file, Open(path, 0, files));
  if (files->Truncate(file.fd_, keep_bytes) != 0) return CannotWrite(path);
  file.bytes_ = keep_bytes;
  return file;
}

AppendFile::AppendFile(AppendFile&& other) noexcept { *this = std::move(other); }

AppendFile& AppendFile::operator=(AppendFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(fd_, other.fd_);
  std::swap(bytes_, other.bytes_);
  std::swap(files_, other.files_);
  std::swap(is_cut_, other.is_cut_);
  std::swap(lost_, other.lost_);
  return *this;
}

AppendFile::~AppendFile() {
  if (fd_ >= 0) files_->Close(fd_);
}

absl::Status AppendFile::Append(absl::string_view record) {
  // Removes what an earlier try left after the last whole record.
  if (is_cut_ && files_->Truncate(fd_, bytes_) != 0) return CannotWrite(path_);
  is_cut_ = false;
  if (files_->WriteAll(fd_, record) != 0) {
    const absl::Status status = CannotWrite(path_);
    // If this fails too, the first error is the one to report.
    is_cut_ = files_->Truncate(fd_, bytes_) != 0;
    return status;
  }
  bytes_ += static_cast<int64_t>(record.size());
  return absl::OkStatus();
}

absl::Status AppendFile::Sync() {
  // The system reports a loss only once.
  if (lost_.ok() && files_->Flush(fd_) != 0) lost_ = CannotWrite(path_);
  return lost_.ok() ? PutBackIfRemoved() : lost_;
}

absl::Status AppendFile::PutBackIfRemoved() {
  struct stat info;
  if (::fstat(fd_, &info) != 0 || info.st_nlink > 0) return absl::OkStatus();
  if (::lstat(path_.c_str(), &info) == 0) return absl::OkStatus();
  ASSIGN_OR_RETURN(FileWriter copy, CreateBeside(path_, files_));
  std::string piece(1 << 16, '\0');
  for (int64_t done = 0; done < bytes_;) {
    const size_t wanted = std::min<size_t>(piece.size(), static_cast<size_t>(bytes_ - done));
    const ssize_t n = ::pread(fd_, piece.data(), wanted, done);
    if (n <= 0) return CannotWrite(path_);
    RETURN_IF_ERROR(copy.Append({piece.data(), static_cast<size_t>(n)}));
    done += n;
  }
  RETURN_IF_ERROR(Replace(std::move(copy), path_, files_));
  ASSIGN_OR_RETURN(AppendFile again, Open(path_, 0, files_));
  again.bytes_ = bytes_;
  *this = std::move(again);
  return absl::OkStatus();
}

}  // namespace models
