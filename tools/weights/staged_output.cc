#include "tools/weights/staged_output.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include "graph/base/status.h"

namespace tools {
namespace {

namespace fs = std::filesystem;

absl::Status CannotWrite(int error, const std::string& path) {
  return absl::ErrnoToStatus(error, absl::StrCat("cannot write ", path));
}

// The folder that `path` lies in, also when it ends in a slash.
fs::path FolderOf(const fs::path& path) {
  const fs::path folder = path.parent_path();
  return folder.empty() ? fs::path(".") : folder;
}

absl::Status Flush(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return CannotWrite(errno, path);
  const int failed = ::fsync(fd);
  const int error = errno;
  ::close(fd);
  // Some file systems cannot flush a folder.
  if (failed && error != EINVAL) return CannotWrite(error, path);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<StagedOutput> StagedOutput::Choose(const std::string& path, Kind kind,
                                                  bool overwrite,
                                                  const std::vector<std::string>& replaceable) {
  fs::path wanted = fs::path(path).lexically_normal();
  if (!wanted.has_filename()) wanted = wanted.parent_path();
  if (wanted.empty() || wanted.filename() == "." || wanted.filename() == "..") {
    return graph::InvalidArgument("--out=", path, " is no name for a new ",
                                  kind == Kind::kFile ? "file" : "folder");
  }
  StagedOutput output(wanted.string(), kind, overwrite, replaceable);
  RETURN_IF_ERROR(output.Check());
  return output;
}

StagedOutput::StagedOutput(StagedOutput&& other)
    : path_(std::move(other.path_)),
      kind_(other.kind_),
      overwrite_(other.overwrite_),
      replaceable_(std::move(other.replaceable_)),
      staging_(std::exchange(other.staging_, "")) {}

StagedOutput::~StagedOutput() {
  std::error_code ignored;
  if (!staging_.empty()) fs::remove_all(staging_, ignored);
}

absl::Status StagedOutput::Check() const {
  const fs::path folder = FolderOf(path_);
  std::error_code error;
  if (!fs::is_directory(folder, error)) {
    return absl::NotFoundError(
        absl::StrCat("cannot write ", path_, ": there is no folder ", folder.string()));
  }
  if (::access(folder.c_str(), W_OK | X_OK) != 0) return CannotWrite(errno, path_);

  const fs::file_status found = fs::status(path_, error);
  if (!fs::exists(fs::symlink_status(path_, error))) return absl::OkStatus();
  const bool is_folder = fs::is_directory(found);
  if (is_folder != (kind_ == Kind::kFolder) || (!is_folder && !fs::is_regular_file(found))) {
    return graph::InvalidArgument(
        path_, " is ", is_folder ? "a folder" : "not a folder", ", but this format writes a ",
        kind_ == Kind::kFile ? "file" : "folder", "; choose another --out");
  }
  if (!overwrite_) {
    return absl::AlreadyExistsError(
        absl::StrCat(path_, " exists; choose another --out, or give --overwrite to replace it"));
  }
  if (!is_folder) return absl::OkStatus();
  if (fs::is_symlink(path_, error)) {
    return graph::InvalidArgument(path_, " is a link to a folder; choose another --out");
  }
  for (fs::directory_iterator entry(path_, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (std::find(replaceable_.begin(), replaceable_.end(), name) != replaceable_.end() &&
        entry->is_regular_file(error)) {
      continue;
    }
    return absl::FailedPreconditionError(
        absl::StrCat("--overwrite would remove ", entry->path().string(),
                     ", which no export wrote; choose another --out"));
  }
  if (error) return CannotWrite(error.value(), path_);
  return absl::OkStatus();
}

absl::Status StagedOutput::Begin() {
  for (int attempt = 0;; ++attempt) {
    const std::string name = absl::StrCat(path_, ".tmp-", ::getpid(), "-", attempt);
    std::error_code error;
    if (fs::exists(fs::symlink_status(name, error))) continue;
    if (kind_ == Kind::kFolder && !fs::create_directory(name, error)) {
      if (error) return CannotWrite(error.value(), path_);
      continue;  // another process was quicker
    }
    staging_ = name;
    return absl::OkStatus();
  }
}

absl::Status StagedOutput::Commit() {
  if (kind_ == Kind::kFolder) {
    for (const auto& entry : fs::directory_iterator(staging_)) {
      RETURN_IF_ERROR(Flush(entry.path().string()));
    }
  }
  RETURN_IF_ERROR(Flush(staging_));
  RETURN_IF_ERROR(Check());  // it has been a while
  return Replace();
}

absl::Status StagedOutput::Replace() const {
  std::error_code error;
  const bool exists = fs::exists(path_, error);
  unsigned flags = 0;  // a file takes the place of another
  if (!exists) flags = RENAME_NOREPLACE;
  // The earlier folder then lies under the temporary name, which the destructor removes.
  if (exists && kind_ == Kind::kFolder) flags = RENAME_EXCHANGE;
  if (::renameat2(AT_FDCWD, staging_.c_str(), AT_FDCWD, path_.c_str(), flags) == 0) {
    return absl::OkStatus();
  }
  if (errno != EINVAL) return CannotWrite(errno, path_);
  // A file system without these flags.
  if (flags == RENAME_EXCHANGE) fs::remove_all(path_, error);
  if (::rename(staging_.c_str(), path_.c_str()) != 0) return CannotWrite(errno, path_);
  return absl::OkStatus();
}

absl::Status WriteBytes(const std::string& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  if (!file) return CannotWrite(errno == 0 ? EIO : errno, path);
  return absl::OkStatus();
}

}  // namespace tools
