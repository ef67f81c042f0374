#include "models/training/output_dir.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"
#include "graph/base/status.h"
#include "models/files/durable.h"
#include "models/files/file_system.h"
#include "models/files/make_folders.h"

namespace models {
namespace {

namespace fs = std::filesystem;

constexpr char kWayOut[] = "; choose another --output_dir";

bool IsSameFile(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

// A descriptor that holds the lock of `folder`, -1 where the file system has no locks, or nothing
// where another process has it. The lock is of a file that is open for writing, because network
// file systems lock no other. Without `make` a file that is missing is nobody's lock: -1.
absl::StatusOr<absl::optional<int>> LockFolder(const std::string& folder, bool make) {
  const std::string path = (fs::path(folder) / kLockFile).string();
  const int flags = O_RDWR | O_NOFOLLOW | O_NONBLOCK | (make ? O_CREAT : 0);
  while (true) {
    const int fd = FileSystem::Real()->Open(path, flags);
    if (fd < 0 && errno == ENOENT && !make) return -1;
    if (fd < 0) return CannotWrite(path);
    struct stat locked, now;
    if (::fstat(fd, &locked) != 0 || !S_ISREG(locked.st_mode)) {
      ::close(fd);
      return absl::FailedPreconditionError(absl::StrCat(path, " is no file of a run; remove it"));
    }
    const bool failed = ::flock(fd, LOCK_EX | LOCK_NB) != 0;
    const bool taken = failed && errno == EWOULDBLOCK;
    // A run that took back its folder has removed the file meanwhile.
    const bool is_there = ::lstat(path.c_str(), &now) == 0 && IsSameFile(locked, now);
    if (!failed && is_there) return fd;
    ::close(fd);
    if (taken) return absl::nullopt;
    if (failed) return -1;
  }
}

absl::Status InUse(const std::string& folder) {
  return absl::FailedPreconditionError(absl::StrCat(
      "a run is writing to the output folder ", folder, "; wait for its end, or stop it", kWayOut));
}

// Where a default folder is taken: name, name-2, name-3, ...
std::string FreeName(const std::string& name) {
  std::error_code ignored;
  std::string candidate = name;
  for (int i = 2; fs::symlink_status(candidate, ignored).type() != fs::file_type::not_found; ++i) {
    candidate = absl::StrCat(name, "-", i);
  }
  return candidate;
}

absl::Status CannotUse(int error, absl::string_view what, const std::string& path) {
  return absl::ErrnoToStatus(error, absl::StrCat(what, " the output folder ", path, kWayOut));
}

}  // namespace

std::string ResolveUserPath(const std::string& path) {
  const char* directory = std::getenv("BUILD_WORKING_DIRECTORY");
  if (directory == nullptr || path.empty()) return path;
  return (fs::path(directory) / path).lexically_normal().string();
}

absl::StatusOr<OutputDir> OutputDir::Choose(const std::string& output_dir, const std::string& model,
                                            EarlierRun earlier, absl::Time now) {
  const bool ours = output_dir.empty();
  std::string path = output_dir;
  if (ours) {
    path = absl::StrCat("runs/", model, "-",
                        absl::FormatTime("%Y%m%d-%H%M%S", now, absl::LocalTimeZone()));
  }
  path = ResolveUserPath(path);
  if (ours) path = FreeName(path);

  if (const absl::Status can = CheckCanMake(path); !can.ok()) {
    return absl::Status(can.code(),
                        absl::StrCat("the output folder ", path, ": ", can.message(), kWayOut));
  }
  ASSIGN_OR_RETURN(const absl::optional<int> lock, LockFolder(path, /*make=*/false));
  if (!lock.has_value()) return InUse(path);
  if (*lock >= 0) ::close(*lock);
  if (earlier == EarlierRun::kRefuse && HoldsRun(path)) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the output folder ", path,
        " already holds a run; --resume=auto goes on with it, "
        "--overwrite replaces its files, checkpoints too, or choose another --output_dir"));
  }
  return OutputDir(std::move(path), ours, earlier);
}

OutputDir::OutputDir(OutputDir&& other) noexcept
    : path_(std::move(other.path_)),
      chosen_by_us_(other.chosen_by_us_),
      earlier_(other.earlier_),
      made_(std::move(other.made_)),
      folder_(std::exchange(other.folder_, -1)),
      lock_(std::exchange(other.lock_, -1)) {}

OutputDir::~OutputDir() { Close(); }

void OutputDir::Close() {
  for (int* fd : {&lock_, &folder_}) {
    if (*fd >= 0) ::close(std::exchange(*fd, -1));
  }
}

absl::Status OutputDir::Open() {
  folder_ = FileSystem::Real()->Open(path_, O_PATH | O_DIRECTORY);
  if (folder_ < 0) return CannotUse(errno, "cannot use", path_);
  ASSIGN_OR_RETURN(const absl::optional<int> lock, LockFolder(path_, /*make=*/true));
  if (!lock.has_value()) return InUse(path_);
  lock_ = *lock;
  return absl::OkStatus();
}

absl::Status OutputDir::Create() {
  const auto made = [this](const std::string& folder) -> absl::Status {
    absl::StatusOr<std::vector<std::string>> folders = MakeFolders(folder);
    if (!folders.ok()) {
      return absl::Status(
          folders.status().code(),
          absl::StrCat("the output folder ", path_, ": ", folders.status().message(), kWayOut));
    }
    made_.insert(made_.end(), folders->begin(), folders->end());
    return absl::OkStatus();
  };
  absl::Status status;
  if (const fs::path above = fs::path(path_).parent_path(); !above.empty()) status = made(above);
  const size_t above = made_.size();
  if (status.ok()) status = made(path_);
  // A run that started in the same second may have taken a name of ours.
  const std::string wanted = path_;
  while (status.ok() && chosen_by_us_ && made_.size() == above) {
    path_ = FreeName(wanted);
    status = made(path_);
  }
  const bool made_it = made_.size() > above;
  if (status.ok()) status = Open();
  if (status.ok()) status = TakeUp(made_it);
  if (status.ok()) return status;
  Close();
  RemoveEmpty(std::exchange(made_, {}));
  return status;
}

absl::Status OutputDir::TakeUp(bool made_it) {
  RETURN_IF_ERROR(CheckFoldersAreOwn(path_));
  if (earlier_ != EarlierRun::kRefuse) RemoveHalfWritten(path_);
  if (made_it || earlier_ == EarlierRun::kResume) return absl::OkStatus();
  if (!HoldsRun(path_)) return absl::OkStatus();
  if (earlier_ == EarlierRun::kRefuse) {
    return absl::FailedPreconditionError(
        absl::StrCat("another run has just begun in the output folder ", path_, kWayOut));
  }
  return RemoveRun(path_);
}

void OutputDir::DiscardUnlessBegun(int64_t metrics_bytes) {
  std::error_code none;
  if (folder_ < 0 || earlier_ == EarlierRun::kResume) return;
  // Whoever has renamed it wants it, and what has its name now is somebody else's.
  if (const auto now = PathNow(); !now.ok() || *now != path_) return;
  const auto written = fs::file_size(File(kMetricsFile), none);
  if ((!none && written > static_cast<uint64_t>(metrics_bytes)) ||
      fs::exists(File(kCapsulesFolder), none) || FindModelFile(path_).ok()) {
    return;
  }
  const absl::Status ignored = RemoveRun(path_);
  if (!made_.empty()) fs::remove(File(kLockFile), none);
  RemoveEmpty(std::exchange(made_, {}));
}

absl::StatusOr<std::string> OutputDir::PathNow() const {
  struct stat ours, found;
  const auto is_ours = [&](const std::string& path) {
    return ::stat(path.c_str(), &found) == 0 && IsSameFile(ours, found);
  };
  if (folder_ < 0 || ::fstat(folder_, &ours) != 0 || is_ours(path_)) return path_;
  std::error_code ignored;
  const std::string now =
      fs::read_symlink(absl::StrCat("/proc/self/fd/", folder_), ignored).string();
  if (is_ours(now)) return now;
  return absl::FailedPreconditionError(
      absl::StrCat("the run's output folder is no longer at ", path_,
                   ": it was moved or removed; give it its name back"));
}

std::string OutputDir::File(absl::string_view name) const {
  return (fs::path(path_) / std::string(name)).string();
}

}  // namespace models
