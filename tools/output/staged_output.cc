#include "tools/output/staged_output.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "graph/base/status.h"
#include "models/files/durable.h"
#include "models/files/file_system.h"
#include "models/files/make_folders.h"
#include "models/files/replace_folder.h"

namespace tools {
namespace {

namespace fs = std::filesystem;

absl::Status CannotWrite(int error, const std::string& path) {
  return absl::ErrnoToStatus(error, absl::StrCat("cannot write ", path));
}

absl::Status FlushOne(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return CannotWrite(errno, path);
  const bool failed = models::FileSystem::Real()->Flush(fd) != 0;
  const int error = errno;
  ::close(fd);
  return failed ? CannotWrite(error, path) : absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> NamesIn(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    names.push_back(entry->path().filename().string());
  }
  if (error) return CannotWrite(error.value(), folder);
  return names;
}

// A descriptor that holds the folder's lock; -1 if another process has the lock, or the file system
// has no locks.
int LockFolder(const std::string& folder) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0 || ::flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
  ::close(fd);
  return -1;
}

bool IsLeftoverName(absl::string_view name, absl::string_view prefix) {
  if (!absl::ConsumePrefix(&name, prefix)) return false;
  const std::vector<absl::string_view> numbers = absl::StrSplit(name, '-');
  return numbers.size() == 2 && std::all_of(numbers.begin(), numbers.end(), [](auto digits) {
           return !digits.empty() && std::all_of(digits.begin(), digits.end(), absl::ascii_isdigit);
         });
}

// Removes folders of killed programs, which nobody has locked. (On a file system without locks they
// stay.)
void RemoveLeftovers(const std::string& folder, const std::string& prefix) {
  for (const std::string& name : NamesIn(folder).value_or(std::vector<std::string>())) {
    if (!IsLeftoverName(name, prefix)) continue;
    const std::string leftover = (fs::path(folder) / name).string();
    const int lock = LockFolder(leftover);
    if (lock < 0) continue;
    models::RemoveFolder(leftover, models::FileSystem::Real());
    ::close(lock);
  }
}

// Errors of file systems or kernels that do not know the flags of renameat2.
bool KnowsNoFlags(int error) { return error == EINVAL || error == ENOSYS || error == EOPNOTSUPP; }

}  // namespace

absl::StatusOr<StagedOutput> StagedOutput::Choose(const std::string& flag, const std::string& path,
                                                  Kind kind, bool overwrite,
                                                  const std::vector<std::string>& replaceable) {
  fs::path wanted = fs::path(path).lexically_normal();
  if (!wanted.has_filename()) wanted = wanted.parent_path();
  std::error_code error;
  // A link that no person named may belong to anybody: it is replaced itself.
  if (overwrite && !flag.empty() && fs::is_symlink(wanted, error) &&
      fs::is_regular_file(wanted, error)) {
    wanted = fs::canonical(wanted, error);  // the link's target is replaced
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

StagedOutput::Staging::~Staging() {
  if (!folder.empty()) models::RemoveFolder(folder, models::FileSystem::Real());
  if (lock >= 0) ::close(lock);
  models::RemoveEmpty(made);
}

std::string StagedOutput::Name() const {
  return flag_.empty() ? path_ : absl::StrCat(flag_, "=", path_);
}

absl::Status StagedOutput::Check() const {
  const std::string another = absl::StrCat("choose another ", flag_.empty() ? "place" : flag_);
  std::error_code error;
  if (const absl::Status can = models::CheckCanMake(models::FolderOf(path_)); !can.ok()) {
    return graph::Annotate(can, absl::StrCat("cannot write ", Name()));
  }
  const fs::file_status found = fs::status(path_, error);
  if (!fs::exists(fs::symlink_status(path_, error))) return absl::OkStatus();
  const bool is_folder = fs::is_directory(found);
  if (is_folder != (kind_ != Kind::kFile) || (!is_folder && !fs::is_regular_file(found))) {
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
  if (kind_ != Kind::kFolder) return absl::OkStatus();
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
  RETURN_IF_ERROR(write(Staged()));
  RETURN_IF_ERROR(Flush());
  RETURN_IF_ERROR(Check());  // again, because time has passed
  RETURN_IF_ERROR(Replace());
  staging_.reset();
  return absl::OkStatus();
}

// Always a folder, because its lock survives whatever is written into it; a file may be replaced.
absl::Status StagedOutput::Begin() {
  const bool within = kind_ == Kind::kFiles;
  const std::string folder = within ? path_ : models::FolderOf(path_);
  staging_ = std::make_unique<Staging>();
  ASSIGN_OR_RETURN(staging_->made, models::MakeFolders(folder));
  const std::string prefix =
      absl::StrCat(within ? "" : fs::path(path_).filename().string(), ".tmp-");
  RemoveLeftovers(folder, prefix);
  for (int attempt = 0;; ++attempt) {
    const std::string name =
        (fs::path(folder) / absl::StrCat(prefix, ::getpid(), "-", attempt)).string();
    std::error_code error;
    if (fs::exists(fs::symlink_status(name, error))) continue;
    if (!fs::create_directory(name, error)) {
      if (error) return CannotWrite(error.value(), Name());
      continue;  // another process was quicker
    }
    staging_->folder = name;
    staging_->lock = LockFolder(name);
    if (fs::exists(name, error)) return absl::OkStatus();
    // Another process looked for leftovers in between.
    ::close(std::exchange(staging_->lock, -1));
  }
}

std::string StagedOutput::Staged() const {
  return kind_ != Kind::kFile ? staging_->folder
                              : (fs::path(staging_->folder) / fs::path(path_).filename()).string();
}

absl::Status StagedOutput::Flush() const {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, NamesIn(staging_->folder));
  for (const std::string& name : names) {
    RETURN_IF_ERROR(FlushOne((fs::path(staging_->folder) / name).string()));
  }
  return FlushOne(staging_->folder);
}

absl::Status StagedOutput::Replace() const {
  models::FileSystem* const files = models::FileSystem::Real();
  if (kind_ == Kind::kFolder) return models::ReplaceFolder(staging_->folder, path_, files);
  if (kind_ == Kind::kFile) return ReplaceFile();
  ASSIGN_OR_RETURN(const std::vector<std::string> names, NamesIn(staging_->folder));
  for (const std::string& name : names) {
    const fs::path path = fs::path(path_) / name;
    std::error_code ignored;
    if (fs::is_directory(fs::symlink_status(path, ignored))) {
      return graph::InvalidArgument("cannot write ", Name(), ": ", path.string(), " is a folder");
    }
  }
  for (const std::string& name : names) {
    const std::string path = (fs::path(path_) / name).string();
    if (files->Rename((fs::path(staging_->folder) / name).string(), path) != 0) {
      return CannotWrite(errno, path);
    }
  }
  return models::SyncFolder(path_, files);
}

absl::Status StagedOutput::ReplaceFile() const {
  const std::string staged = Staged();
  std::error_code error;
  const unsigned flags = fs::exists(path_, error) ? 0 : RENAME_NOREPLACE;
  if (::renameat2(AT_FDCWD, staged.c_str(), AT_FDCWD, path_.c_str(), flags) != 0) {
    if (!KnowsNoFlags(errno)) return CannotWrite(errno, Name());
    if (::rename(staged.c_str(), path_.c_str()) != 0) return CannotWrite(errno, Name());
  }
  return models::SyncFolder(models::FolderOf(path_), models::FileSystem::Real());
}

absl::Status CheckPngName(const std::string& flag, const std::string& path) {
  if (absl::EndsWithIgnoreCase(path, ".png")) return absl::OkStatus();
  return graph::InvalidArgument(flag, "=", path,
                                ": the picture is a PNG file, and its name must end in .png");
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
