#include "models/training/output_dir.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
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

// A descriptor that holds the lock of `folder`, -1 if the file system has no locks, or nullopt if
// another process holds the lock. The locked file is open for writing, because network file systems
// lock no other. Without `make`, a missing file is not locked by anybody: -1.
absl::StatusOr<absl::optional<int>> LockFolder(const std::string& folder, bool make) {
  const std::string path = (fs::path(folder) / kLockFile).string();
  const int flags = O_RDWR | O_NOFOLLOW | O_NONBLOCK | (make ? O_CREAT : 0);
  while (true) {
    const int fd = FileSystem::Real()->Open(path, flags);
    if (fd < 0 && errno == ENOENT && !make) return -1;
    const absl::Status opened = fd < 0 ? CannotWrite(path) : absl::OkStatus();
    struct stat locked, now;
    const bool known = (fd < 0 ? ::lstat(path.c_str(), &locked) : ::fstat(fd, &locked)) == 0;
    if (known && !S_ISREG(locked.st_mode)) {
      if (fd >= 0) ::close(fd);
      return absl::FailedPreconditionError(absl::StrCat(path, " is no file of a run; remove it"));
    }
    RETURN_IF_ERROR(opened);
    const bool failed = ::flock(fd, LOCK_EX | LOCK_NB) != 0;
    const bool taken = failed && errno == EWOULDBLOCK;
    // A run that removed its folder has removed the file meanwhile.
    const bool is_there = ::lstat(path.c_str(), &now) == 0 && IsSameFile(locked, now);
    if (!failed && is_there) return fd;
    ::close(fd);
    if (taken) return absl::nullopt;
    if (failed) return -1;
  }
}

// Adds the lock of `folder` to `locks`, or -1 if it cannot be made. FailedPrecondition if another
// process holds it.
absl::Status TakeLock(const std::string& folder, bool make, absl::string_view in_use,
                      std::vector<int>* locks) {
  ASSIGN_OR_RETURN(const absl::optional<int> lock, LockFolder(folder, make));
  if (!lock.has_value()) {
    return absl::FailedPreconditionError(
        absl::StrCat(in_use, "; wait for its end, or stop it", kWayOut));
  }
  if (make || *lock >= 0) locks->push_back(*lock);
  return absl::OkStatus();
}

// Takes the locks of the run in `folder`. If its checkpoints/ is a link, other runs may use the
// target too: through links of their own, in which case they lock the target itself, or as the
// checkpoints/ of a run without a link, in which case its own lock is taken, too. That run sees the
// lock in its checkpoints/ if there is one. The caller closes `locks` even on an error.
absl::Status TakeLocks(const std::string& folder, bool make, std::vector<int>* locks) {
  RETURN_IF_ERROR(TakeLock(folder, make,
                           absl::StrCat("a run is writing to the output folder ", folder), locks));
  const fs::path checkpoints = fs::path(folder) / kCheckpointsFolder;
  std::error_code error;
  const bool is_link = fs::is_symlink(checkpoints, error);
  if (is_link && !fs::is_directory(checkpoints, error)) {
    return absl::FailedPreconditionError(absl::StrCat(
        checkpoints.string(), " is a link to no folder; is the disk it leads to there?"));
  }
  const std::string in_use = absl::StrCat("another run saves into ", checkpoints.string(),
                                          is_link ? ", which is a link" : "");
  RETURN_IF_ERROR(TakeLock(checkpoints.string(), make && is_link, in_use, locks));
  if (!is_link) return absl::OkStatus();
  const fs::path target = fs::canonical(checkpoints, error);
  if (target.filename() != kCheckpointsFolder) return absl::OkStatus();
  return TakeLock(target.parent_path().string(), /*make=*/false, in_use, locks);
}

void CloseAll(std::vector<int>* locks) {
  for (int fd : std::exchange(*locks, {})) {
    if (fd >= 0) ::close(fd);
  }
}

// A free name for a default folder: name, name-2, name-3, ...
std::string FreeName(const std::string& name) {
  std::error_code ignored;
  std::string candidate = name;
  for (int i = 2; fs::symlink_status(candidate, ignored).type() != fs::file_type::not_found; ++i) {
    candidate = absl::StrCat(name, "-", i);
  }
  return candidate;
}

}  // namespace

std::string ResolveUserPath(const std::string& path) {
  const char* directory = std::getenv("BUILD_WORKING_DIRECTORY");
  if (directory == nullptr || path.empty()) return path;
  return (fs::path(directory) / path).lexically_normal().string();
}

std::string ResolveDataPath(const std::string& path) {
  return path == "-" ? path : ResolveUserPath(path);
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
  std::vector<int> locks;
  const absl::Status unused = TakeLocks(path, /*make=*/false, &locks);
  CloseAll(&locks);
  RETURN_IF_ERROR(unused);
  if (earlier == EarlierRun::kReplace) RETURN_IF_ERROR(CheckCanRemoveRun(path));
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
      locks_(std::exchange(other.locks_, {})) {}

OutputDir::~OutputDir() { Close(); }

void OutputDir::Close() {
  CloseAll(&locks_);
  if (folder_ >= 0) ::close(std::exchange(folder_, -1));
}

absl::Status OutputDir::Open() {
  folder_ = FileSystem::Real()->Open(path_, O_PATH | O_DIRECTORY);
  if (folder_ < 0) {
    return absl::ErrnoToStatus(errno,
                               absl::StrCat("cannot use the output folder ", path_, kWayOut));
  }
  return TakeLocks(path_, /*make=*/true, &locks_);
}

bool OutputDir::is_locked() const {
  return !locks_.empty() && *std::min_element(locks_.begin(), locks_.end()) >= 0;
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
  // A run that started in the same second may have taken our name.
  const std::string wanted = path_;
  while (status.ok() && chosen_by_us_ && made_.size() == above) {
    path_ = FreeName(wanted);
    status = made(path_);
  }
  const bool made_it = made_.size() > above;
  if (status.ok()) status = Open();
  if (status.ok()) status = Adopt(made_it);
  if (status.ok()) return status;
  Close();
  RemoveEmpty(std::exchange(made_, {}));
  return status;
}

absl::Status OutputDir::Adopt(bool made_it) {
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
  // If somebody renamed the folder, they want to keep it, and the folder with its old name is
  // another one.
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
