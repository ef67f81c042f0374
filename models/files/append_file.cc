#include "models/files/append_file.h"

#include <fcntl.h>

#include <cerrno>
#include <utility>

#include "graph/base/status.h"
#include "models/files/durable.h"

namespace models {

absl::StatusOr<AppendFile> AppendFile::Open(const std::string& path, int flags, FileSystem* files) {
  AppendFile file;
  file.fd_ = files->Open(path, O_WRONLY | O_APPEND | flags);
  if (file.fd_ < 0) return CannotWrite(path);
  file.path_ = path;
  file.files_ = files;
  return file;
}

absl::StatusOr<AppendFile> AppendFile::Create(const std::string& path, FileSystem* files) {
  return Open(path, O_CREAT | O_TRUNC, files);
}

absl::StatusOr<AppendFile> AppendFile::CreateNew(const std::string& path, FileSystem* files) {
  return Open(path, O_CREAT | O_EXCL, files);
}

absl::StatusOr<AppendFile> AppendFile::Resume(const std::string& path, int64_t keep_bytes,
                                              FileSystem* files) {
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
  // What an earlier try has left behind the last whole record.
  if (is_cut_ && files_->Truncate(fd_, bytes_) != 0) return CannotWrite(path_);
  is_cut_ = false;
  absl::string_view rest = record;
  while (!rest.empty()) {
    const ssize_t n = files_->Write(fd_, rest.data(), rest.size());
    if (n < 0) {
      const absl::Status status = CannotWrite(path_);
      // Where this fails too, the first error is the one to report.
      is_cut_ = files_->Truncate(fd_, bytes_) != 0;
      return status;
    }
    rest.remove_prefix(static_cast<size_t>(n));
  }
  bytes_ += static_cast<int64_t>(record.size());
  return absl::OkStatus();
}

absl::Status AppendFile::Sync() {
  // The system says only once that it has lost something.
  if (lost_.ok() && files_->Sync(fd_) != 0 && errno != EINVAL) lost_ = CannotWrite(path_);
  return lost_;
}

}  // namespace models
