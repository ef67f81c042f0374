#include "models/training/output_dir.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/types/optional.h"
#include "graph/base/status.h"
#include "models/files/durable.h"
#include "models/training/run_log.h"

namespace models {
namespace {

namespace fs = std::filesystem;

constexpr char kWayOut[] = "; choose another --output_dir";

constexpr const char* kRunFiles[] = {kMetricsFile, kFlagsFile, kTrainLogFile, kEnvironmentFile,
                                     kNewestModel};

// What else is a run's own, by its name: files, and folders without folders in them.
struct Owned {
  const char* folder;
  const char* prefix;
  const char* suffix;
  bool are_folders;
};
constexpr Owned kOwned[] = {
    {kVisFolder, "step_", ".png", false},
    {kProfileFolder, "ops", ".csv", false},
    {kProfileFolder, "trace", ".json", false},
    {kProfileFolder, "graph", ".svg", false},
    {kTensorboardFolder, "events.out.tfevents.", "", false},
    {kCapsulesFolder, "step_", "", true},
    {kCheckpointsFolder, "step_", "", true},
    {kCheckpointsFolder, "damaged_step_", "", true},
    // What a run that was killed while it saved leaves.
    {kCapsulesFolder, ".new-step_", "", true},
    {kCheckpointsFolder, ".new-step_", "", true},
    {kCheckpointsFolder, ".old-step_", "", true},
};

// `name` without what it ends in while the file is being written: "step_1.png.tmp-12-0", as
// CreateBeside() and tools/output/staged_output.h have it, or the link's
// "checkpoint.safetensors.tmp". Any other name is somebody's own.
absl::string_view FinalName(absl::string_view name) {
  absl::string_view final_name = name;
  if (absl::ConsumeSuffix(&final_name, ".tmp") && final_name == kNewestModel) return final_name;
  const auto digits = [](absl::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789") == absl::string_view::npos;
  };
  const size_t tmp = name.rfind(".tmp-");
  if (tmp == absl::string_view::npos) return name;
  const absl::string_view numbers = name.substr(tmp + 5);
  const size_t dash = numbers.find('-');
  if (dash == absl::string_view::npos || !digits(numbers.substr(0, dash)) ||
      !digits(numbers.substr(dash + 1))) {
    return name;
  }
  return name.substr(0, tmp);
}

struct Found {
  fs::path path;
  bool is_folder;
  bool is_half_written;
};

// Those of `run` that are there. A link in place of such a folder leads to somebody
// else's files, but for checkpoints: those are put on another disk on purpose.
std::vector<Found> FindOwned(const fs::path& run) {
  std::vector<Found> found;
  for (const Owned& owned : kOwned) {
    std::error_code error;
    const fs::path folder = run / owned.folder;
    const bool follow = owned.folder == std::string(kCheckpointsFolder);
    const fs::file_status status =
        follow ? fs::status(folder, error) : fs::symlink_status(folder, error);
    if (status.type() != fs::file_type::directory) continue;
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
         entry.increment(error)) {
      const std::string name = entry->path().filename().string();
      std::error_code ignored;
      const bool is_folder =
          fs::symlink_status(entry->path(), ignored).type() == fs::file_type::directory;
      const absl::string_view last = owned.are_folders ? absl::string_view(name) : FinalName(name);
      if (absl::StartsWith(last, owned.prefix) && absl::EndsWith(last, owned.suffix) &&
          is_folder == owned.are_folders) {
        found.push_back({entry->path(), is_folder, last != name});
      }
    }
  }
  return found;
}

// Other files in the folders, and then those, stay.
void RemoveOwned(const fs::path& run) {
  std::error_code ignored;
  for (const Found& file : FindOwned(run)) {
    if (file.is_folder) {
      RemoveFolder(file.path.string(), FileSystem::Real());
    } else {
      fs::remove(file.path, ignored);
    }
    fs::remove(file.path.parent_path(), ignored);  // fails, rightly, where it is not empty
  }
}

// What those who write under another name first leave when they are killed. Only for who
// has the lock.
void RemoveHalfWritten(const fs::path& run) {
  std::vector<fs::path> found;
  for (Found& file : FindOwned(run)) {
    if (file.is_half_written) found.push_back(std::move(file.path));
  }
  std::error_code error;
  for (fs::directory_iterator entry(run, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string file = entry->path().filename().string();
    for (const char* name : kRunFiles) {
      if (file != name && FinalName(file) == name) found.push_back(entry->path());
    }
  }
  for (const fs::path& path : found) fs::remove(path, error);
}

bool HoldsRun(const fs::path& folder) {
  std::error_code ignored;
  for (const char* name : kRunFiles) {
    if (fs::exists(fs::symlink_status(folder / name, ignored))) return true;
  }
  return !FindOwned(folder).empty();
}

// A descriptor that holds the lock of `folder`, -1 where there is none to be had, or
// nothing where another process has it.
absl::optional<int> LockFolder(const std::string& folder) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return -1;
  if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
  const bool taken = errno == EWOULDBLOCK;
  ::close(fd);
  if (taken) return absl::nullopt;
  return -1;
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

  // The deepest part of the path that exists must be a folder we may write to.
  fs::path existing = path;
  std::error_code error;
  while (!existing.empty() && fs::status(existing, error).type() == fs::file_type::not_found) {
    // A dangling link would be found again below each name that is tried.
    if (fs::is_symlink(fs::symlink_status(existing, error))) {
      return graph::InvalidArgument("the output folder ", path, ": ", existing.string(),
                                    " is a link to nothing", kWayOut);
    }
    const fs::path above = existing.parent_path();
    if (above == existing) break;
    existing = above;
  }
  if (existing.empty()) existing = ".";
  const auto type = fs::status(existing, error).type();
  if (error) return CannotUse(error.value(), "cannot use", path);
  if (type != fs::file_type::directory) {
    return graph::InvalidArgument("the output folder ", path, ": ", existing.string(),
                                  " is a file, not a folder", kWayOut);
  }
  if (::access(existing.c_str(), W_OK | X_OK) != 0) {
    return CannotUse(errno, "cannot write to", path);
  }
  const absl::optional<int> lock = LockFolder(path);
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
      made_(other.made_),
      lock_(std::exchange(other.lock_, -1)) {}

OutputDir::~OutputDir() {
  if (lock_ >= 0) ::close(lock_);
}

absl::Status OutputDir::Lock() {
  const absl::optional<int> lock = LockFolder(path_);
  if (!lock.has_value()) return InUse(path_);
  lock_ = *lock;
  return absl::OkStatus();
}

absl::Status OutputDir::Create() {
  std::vector<fs::path> made;
  const auto undone = [&](absl::Status status) {
    std::error_code ignored;
    for (auto folder = made.rbegin(); folder != made.rend(); ++folder) fs::remove(*folder, ignored);
    return status;
  };
  const auto fail = [&](int error) { return undone(CannotUse(error, "cannot make", path_)); };
  std::error_code error;
  const fs::path above = fs::path(path_).parent_path();
  std::vector<fs::path> missing;  // deepest first
  for (fs::path folder = above; !folder.empty() && !fs::exists(folder, error);
       folder = folder.parent_path()) {
    missing.push_back(folder);
  }
  for (auto folder = missing.rbegin(); folder != missing.rend(); ++folder) {
    if (fs::create_directory(*folder, error)) made.push_back(*folder);
    if (error) return fail(error.value());
  }
  // A run that started in the same second may have taken a name of ours.
  const std::string wanted = path_;
  bool made_it = fs::create_directory(path_, error);
  while (!error && !made_it && chosen_by_us_) {
    path_ = FreeName(wanted);
    made_it = fs::create_directory(path_, error);
  }
  if (error) return fail(error.value());
  // The folders' names belong on the disk before the first checkpoint in them.
  if (made_it) made.push_back(path_);
  for (const fs::path& folder : made) {
    absl::Status synced = SyncFolder(FolderOf(folder.string()), FileSystem::Real());
    // A folder that may be written to and not be read cannot be flushed either.
    if (absl::IsPermissionDenied(synced)) continue;
    if (!synced.ok()) return undone(std::move(synced));
  }

  made_ = made_it;
  RETURN_IF_ERROR(Lock());
  if (earlier_ != EarlierRun::kRefuse) RemoveHalfWritten(path_);
  if (made_it || earlier_ == EarlierRun::kResume) return absl::OkStatus();
  if (HoldsRun(path_) && earlier_ == EarlierRun::kRefuse) {
    return absl::FailedPreconditionError(
        absl::StrCat("another run has just begun in the output folder ", path_, kWayOut));
  }
  for (const char* name : kRunFiles) {
    fs::remove(fs::path(path_) / name, error);
    if (error) return CannotUse(error.value(), absl::StrCat("cannot replace ", name, " in"), path_);
  }
  RemoveOwned(path_);
  return absl::OkStatus();
}

void OutputDir::Discard() {
  if (earlier_ == EarlierRun::kResume) return;
  std::error_code ignored;
  for (const char* name : kRunFiles) fs::remove(fs::path(path_) / name, ignored);
  RemoveOwned(path_);
  if (made_) fs::remove(path_, ignored);  // fails, rightly, where it is not empty
}

std::string OutputDir::File(absl::string_view name) const {
  return (fs::path(path_) / std::string(name)).string();
}

}  // namespace models
