#include "models/training/output_dir.h"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "graph/base/status.h"

namespace models {
namespace {

namespace fs = std::filesystem;

constexpr char kWayOut[] = "; choose another --output_dir";

constexpr const char* kRunFiles[] = {kMetricsFile, kFlagsFile, kCheckpointFile};

// What a run has drawn; none where kVisFolder is no folder of the run's own.
std::vector<fs::path> Pictures(const fs::path& run) {
  std::vector<fs::path> pictures;
  std::error_code error;
  const fs::path folder = run / kVisFolder;
  if (fs::symlink_status(folder, error).type() != fs::file_type::directory) return pictures;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (absl::StartsWith(name, "step_") && absl::EndsWith(name, ".png")) {
      pictures.push_back(entry->path());
    }
  }
  return pictures;
}

// Other files in the folder, and then it, stay.
void RemovePictures(const fs::path& run) {
  const std::vector<fs::path> pictures = Pictures(run);
  if (pictures.empty()) return;
  std::error_code ignored;
  for (const fs::path& picture : pictures) fs::remove(picture, ignored);
  fs::remove(run / kVisFolder, ignored);  // fails, rightly, where it is not empty
}

// What --profile has written, so that an old one is not taken for the new run's.
void RemoveProfile(const fs::path& run) {
  std::error_code ignored;
  const fs::path folder = run / kProfileFolder;
  if (fs::symlink_status(folder, ignored).type() != fs::file_type::directory) return;
  for (const char* name : {"ops.csv", "trace.json", "graph.svg"}) {
    fs::remove(folder / name, ignored);
  }
  fs::remove(folder, ignored);  // fails, rightly, where it is not empty
}

bool HoldsRun(const fs::path& folder) {
  std::error_code ignored;
  for (const char* name : kRunFiles) {
    if (fs::exists(fs::symlink_status(folder / name, ignored))) return true;
  }
  return !Pictures(folder).empty();
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
                                            bool overwrite, absl::Time now) {
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
  if (!overwrite && HoldsRun(path)) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the output folder ", path, " already holds a run", kWayOut,
        ", or give --overwrite, which replaces that run's ", kMetricsFile, ", ", kFlagsFile, ", ",
        kCheckpointFile, ", ", kVisFolder, "/step_*.png and ", kProfileFolder));
  }
  return OutputDir(std::move(path), ours, overwrite);
}

absl::Status OutputDir::Create() {
  std::vector<fs::path> made;
  const auto fail = [&](int error) {
    const absl::Status status = CannotUse(error, "cannot make", path_);
    std::error_code ignored;
    for (auto folder = made.rbegin(); folder != made.rend(); ++folder) fs::remove(*folder, ignored);
    return status;
  };
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

  made_ = made_it;
  if (made_it) return absl::OkStatus();
  if (HoldsRun(path_) && !overwrite_) {
    return absl::FailedPreconditionError(
        absl::StrCat("another run has just begun in the output folder ", path_, kWayOut));
  }
  if (HoldsRun(path_)) RemoveProfile(path_);
  for (const char* name : kRunFiles) {
    fs::remove(fs::path(path_) / name, error);
    if (error) return CannotUse(error.value(), absl::StrCat("cannot replace ", name, " in"), path_);
  }
  RemovePictures(path_);
  return absl::OkStatus();
}

void OutputDir::Discard() {
  std::error_code ignored;
  for (const char* name : kRunFiles) fs::remove(fs::path(path_) / name, ignored);
  RemovePictures(path_);
  if (made_) fs::remove(path_, ignored);  // fails, rightly, where it is not empty
}

std::string OutputDir::File(absl::string_view name) const {
  return (fs::path(path_) / std::string(name)).string();
}

}  // namespace models
