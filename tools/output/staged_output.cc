#include "tools/output/staged_output.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "graph/base/status.h"
#include "models/files/replace_folder.h"

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

absl::Status FlushOne(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return CannotWrite(errno, path);
  const int failed = ::fsync(fd);
  const int error = errno;
  ::close(fd);
  // Some file systems cannot flush a folder.
  if (failed && error != EINVAL) return CannotWrite(error, path);
  return absl::OkStatus();
}

// What a file system or kernel says that does not know the flags of renameat2.
bool KnowsNoFlags(int error) { return error == EINVAL || error == ENOSYS || error == EOPNOTSUPP; }

}  // namespace

absl::StatusOr<StagedOutput> StagedOutput::Choose(const std::string& flag, const std::string& path,
                                                  Kind kind, bool overwrite,
                                                  const std::vector<std::string>& replaceable) {
  fs::path wanted = fs::path(path).lexically_normal();
  if (!wanted.has_filename()) wanted = wanted.parent_path();
  std::error_code error;
  if (overwrite && fs::is_symlink(wanted, error) && fs::is_regular_file(wanted, error)) {
    wanted = fs::canonical(wanted, error);  // replaces what the link leads to
  }
  StagedOutput output(flag, wanted.string(), kind, overwrite, replaceable);
  if (!wanted.has_filename() || wanted.filename() == "." || wanted.filename() == "..") {
    output.path_ = path;
    return graph::InvalidArgument(output.Name(), " is a folder, or no name; name a new ",
                                  kind == Kind::kFile ? "file" : "folder");
  }
  RETURN_IF_ERROR(output.Check());
  return output;
}

StagedOutput::StagedOutput(StagedOutput&& other)
    : flag_(std::move(other.flag_)),
      path_(std::move(other.path_)),
      kind_(other.kind_),
      overwrite_(other.overwrite_),
      replaceable_(std::move(other.replaceable_)),
      staging_(std::exchange(other.staging_, "")) {}

StagedOutput::~StagedOutput() {
  std::error_code ignored;
  if (!staging_.empty()) fs::remove_all(staging_, ignored);
}

std::string StagedOutput::Name() const {
  return flag_.empty() ? path_ : absl::StrCat(flag_, "=", path_);
}

absl::Status StagedOutput::Check() const {
  const std::string another = absl::StrCat("choose another ", flag_.empty() ? "place" : flag_);
  const fs::path folder = FolderOf(path_);
  std::error_code error;
  if (!fs::is_directory(folder, error)) {
    return absl::NotFoundError(
        absl::StrCat("cannot write ", Name(), ": there is no folder ", folder.string()));
  }
  if (::access(folder.c_str(), W_OK | X_OK) != 0) return CannotWrite(errno, Name());

  const fs::file_status found = fs::status(path_, error);
  if (!fs::exists(fs::symlink_status(path_, error))) return absl::OkStatus();
  const bool is_folder = fs::is_directory(found);
  if (is_folder != (kind_ == Kind::kFolder) || (!is_folder && !fs::is_regular_file(found))) {
    return graph::InvalidArgument(Name(), " is ",
                                  is_folder                    ? "a folder"
                                  : fs::is_regular_file(found) ? "a file"
                                                               : "neither a file nor a folder",
                                  ", but this writes a ", kind_ == Kind::kFile ? "file" : "folder",
                                  "; ", another);
  }
  if (!overwrite_) {
    return absl::AlreadyExistsError(
        absl::StrCat(Name(), " exists; ", another, ", or give --overwrite to replace it"));
  }
  if (::access(path_.c_str(), W_OK) != 0) return CannotWrite(errno, Name());
  if (!is_folder) return absl::OkStatus();
  if (fs::is_symlink(path_, error)) {
    return graph::InvalidArgument(Name(), " is a link to a folder; ", another);
  }
  for (fs::directory_iterator entry(path_, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (std::find(replaceable_.begin(), replaceable_.end(), name) != replaceable_.end() &&
        entry->is_regular_file(error)) {
      continue;
    }
    return absl::FailedPreconditionError(absl::StrCat("--overwrite would remove ",
                                                      entry->path().string(),
                                                      ", which no tool of ours wrote; ", another));
  }
  if (error) return CannotWrite(error.value(), Name());
  return absl::OkStatus();
}

absl::Status StagedOutput::Write(
    const std::function<absl::Status(const std::string& staging)>& write) {
  RETURN_IF_ERROR(Begin());
  RETURN_IF_ERROR(write(staging_));
  RETURN_IF_ERROR(Flush());
  RETURN_IF_ERROR(Check());  // it has been a while
  return Replace();
}

absl::Status StagedOutput::Begin() {
  for (int attempt = 0;; ++attempt) {
    const std::string name = absl::StrCat(path_, ".tmp-", ::getpid(), "-", attempt);
    std::error_code error;
    if (fs::exists(fs::symlink_status(name, error))) continue;
    if (kind_ == Kind::kFolder && !fs::create_directory(name, error)) {
      if (error) return CannotWrite(error.value(), Name());
      continue;  // another process was quicker
    }
    staging_ = name;
    return absl::OkStatus();
  }
}

absl::Status StagedOutput::Flush() const {
  if (kind_ == Kind::kFolder) {
    std::error_code error;
    for (fs::directory_iterator entry(staging_, error), end; !error && entry != end;
         entry.increment(error)) {
      RETURN_IF_ERROR(FlushOne(entry->path().string()));
    }
    if (error) return CannotWrite(error.value(), Name());
  }
  return FlushOne(staging_);
}

absl::Status StagedOutput::Replace() const {
  std::error_code error;
  const bool exists = fs::exists(path_, error);
  if (exists && kind_ == Kind::kFolder) {
    return models::ReplaceFolder(staging_, path_, models::FileSystem::Real());
  }
  // A file takes the place of another.
  const unsigned flags = exists ? 0 : RENAME_NOREPLACE;
  if (::renameat2(AT_FDCWD, staging_.c_str(), AT_FDCWD, path_.c_str(), flags) == 0) {
    return absl::OkStatus();
  }
  if (!KnowsNoFlags(errno)) return CannotWrite(errno, Name());
  if (::rename(staging_.c_str(), path_.c_str()) != 0) return CannotWrite(errno, Name());
  return absl::OkStatus();
}

absl::Status WriteBytes(const std::string& path, const std::string& bytes) {
  errno = 0;
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  if (!file) return CannotWrite(errno == 0 ? EIO : errno, path);
  return absl::OkStatus();
}

}  // namespace tools
