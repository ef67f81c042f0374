#include "models/training/run_files.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "graph/base/status.h"
#include "models/files/durable.h"
#include "models/files/make_folders.h"
#include "models/files/replace_folder.h"

namespace models {
namespace {

namespace fs = std::filesystem;

constexpr const char* kRunFiles[] = {kMetricsFile,     kFlagsFile,   kTrainLogFile,
                                     kEnvironmentFile, kNewestModel, kBestModel};

bool IsDigits(absl::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), absl::ascii_isdigit);
}

// step_0001200.png
bool IsPicture(absl::string_view name) {
  return absl::ConsumePrefix(&name, "step_") && absl::ConsumeSuffix(&name, ".png") &&
         name.size() >= 7 && IsDigits(name);
}

bool IsProfile(absl::string_view name) {
  return name == "ops.csv" || name == "trace.json" || name == "graph.svg";
}

bool IsCapsule(absl::string_view name) {
  return IsCheckpointName("", absl::StripSuffix(name, kReplacedSuffix)) ||
         IsCheckpointName(kStagingPrefix, name);
}

bool IsCheckpoint(absl::string_view name) {
  if (IsCapsule(name) || IsCheckpointName(kRetiredPrefix, name)) return true;
  // damaged_step_00000007-2
  const size_t dash = name.rfind('-');
  if (dash != absl::string_view::npos && IsDigits(name.substr(dash + 1))) {
    name = name.substr(0, dash);
  }
  return IsCheckpointName(kDamagedPrefix, name);
}

// The run's own entries of one of its folders: files, and folders without subfolders.
struct Owned {
  const char* folder;
  bool (*is_ours)(absl::string_view name);
  bool are_folders;
};
constexpr Owned kOwned[] = {
    {kVisFolder, IsPicture, false},           {kProfileFolder, IsProfile, false},
    {kTensorboardFolder, IsEventFile, false}, {kCapsulesFolder, IsCapsule, true},
    {kCheckpointsFolder, IsCheckpoint, true},
};

// `name` without the suffix of a file being written: "step_1.png.tmp-12-0", as in CreateBeside()
// and tools/output/staged_output.h, or the link's "checkpoint.safetensors.tmp". Any other name
// belongs to somebody else.
absl::string_view FinalName(absl::string_view name) {
  absl::string_view final_name = name;
  if (absl::ConsumeSuffix(&final_name, ".tmp") &&
      (final_name == kNewestModel || final_name == kBestModel)) {
    return final_name;
  }
  const size_t tmp = name.rfind(".tmp-");
  if (tmp == absl::string_view::npos) return name;
  const absl::string_view numbers = name.substr(tmp + 5);
  const size_t dash = numbers.find('-');
  if (dash == absl::string_view::npos || !IsDigits(numbers.substr(0, dash)) ||
      !IsDigits(numbers.substr(dash + 1))) {
    return name;
  }
  return name.substr(0, tmp);
}

bool MayBeLink(const Owned& owned) { return owned.folder == std::string(kCheckpointsFolder); }

struct Found {
  std::string path;
  bool is_half_written;
};

// Those entries of `run` that exist.
std::vector<Found> FindOwned(const fs::path& run) {
  std::vector<Found> found;
  for (const Owned& owned : kOwned) {
    std::error_code error;
    const fs::path folder = run / owned.folder;
    const fs::file_status status =
        MayBeLink(owned) ? fs::status(folder, error) : fs::symlink_status(folder, error);
    if (status.type() != fs::file_type::directory) continue;
    for (const std::string& name : NamesIn(folder.string())) {
      const absl::string_view last = owned.are_folders ? absl::string_view(name) : FinalName(name);
      const auto type = fs::symlink_status(folder / name, error).type();
      // A half-written entry is a file, or a folder in which it is written; a link counts only as
      // itself.
      const bool is_half_written = last != name;
      if (owned.is_ours(last) && (is_half_written || type == fs::file_type::symlink ||
                                  (type == fs::file_type::directory) == owned.are_folders)) {
        found.push_back({(folder / name).string(), is_half_written});
      }
    }
  }
  return found;
}

// The model of the newest checkpoint in a folder.
absl::optional<std::string> NewestIn(const fs::path& folder) {
  absl::optional<int64_t> newest;
  for (const std::string& name : NamesIn(folder.string())) {
    newest = std::max(newest, StepOfName(name));
  }
  if (!newest.has_value()) return absl::nullopt;
  return (folder / CheckpointName(*newest) / kModelFile).string();
}

}  // namespace

std::string CheckpointName(int64_t step) { return absl::StrFormat("step_%08d", step); }

absl::optional<int64_t> StepOfName(absl::string_view name) {
  int64_t step = 0;
  absl::string_view digits = name;
  if (!absl::ConsumePrefix(&digits, "step_") || !absl::SimpleAtoi(digits, &step) || step < 0 ||
      CheckpointName(step) != name) {
    return absl::nullopt;
  }
  return step;
}

bool IsEventFile(absl::string_view name) {
  return absl::ConsumePrefix(&name, kEventFilePrefix) && IsDigits(name.substr(0, name.find('.')));
}

bool IsCheckpointName(absl::string_view prefix, absl::string_view name) {
  return absl::ConsumePrefix(&name, prefix) && StepOfName(name).has_value();
}

absl::StatusOr<std::string> FindModelFile(const std::string& path) {
  std::error_code ignored;
  if (!fs::is_directory(path, ignored)) return path;
  for (const char* name : {kNewestModel, kModelFile}) {
    const fs::path file = fs::path(path) / name;
    if (fs::exists(file, ignored)) return file.string();
  }
  // checkpoints/ has no link to the newest model, and on a file system without links a run has
  // none.
  for (const fs::path& folder : {fs::path(path) / kCheckpointsFolder, fs::path(path)}) {
    if (const auto newest = NewestIn(folder); newest.has_value()) return *newest;
  }
  return absl::NotFoundError(absl::StrCat(path, " is a folder without ", kNewestModel,
                                          ": it is neither a run that has saved nor a checkpoint"));
}

bool HoldsRun(const std::string& folder) {
  std::error_code ignored;
  for (const char* name : kRunFiles) {
    if (fs::exists(fs::symlink_status(fs::path(folder) / name, ignored))) return true;
  }
  return !FindOwned(folder).empty();
}

absl::Status CheckFoldersAreOwn(const std::string& folder) {
  for (const Owned& owned : kOwned) {
    std::error_code ignored;
    const fs::path path = fs::path(folder) / owned.folder;
    if (MayBeLink(owned) || !fs::is_symlink(path, ignored)) continue;
    return absl::FailedPreconditionError(absl::StrCat(
        path.string(), " is a link, and a run writes into its own folder alone; remove the link"));
  }
  return absl::OkStatus();
}

absl::Status CheckCanRemoveRun(const std::string& folder) {
  const std::string checkpoints = (fs::path(folder) / kCheckpointsFolder).string();
  std::error_code ignored;
  if (!fs::is_symlink(checkpoints, ignored)) return absl::OkStatus();
  for (const Found& found : FindOwned(folder)) {
    if (FolderOf(found.path) != checkpoints) continue;
    return absl::FailedPreconditionError(
        absl::StrCat(checkpoints, " is a link to a folder with checkpoints, and --overwrite ",
                     "removes nothing outside the output folder; remove them, or the link"));
  }
  return absl::OkStatus();
}

absl::Status RemoveRun(const std::string& folder) {
  RETURN_IF_ERROR(CheckCanRemoveRun(folder));
  std::error_code error;
  for (const char* name : kRunFiles) {
    const fs::path path = fs::path(folder) / name;
    fs::remove(path, error);
    if (error) {
      return absl::ErrnoToStatus(error.value(), absl::StrCat("cannot remove ", path.string()));
    }
  }
  for (const Found& found : FindOwned(folder)) {
    RemoveFolder(found.path, FileSystem::Real());
    RemoveEmpty({FolderOf(found.path)});
  }
  return absl::OkStatus();
}

void RemoveHalfWritten(const std::string& folder) {
  std::vector<std::string> half_written;
  for (Found& found : FindOwned(folder)) {
    if (found.is_half_written) half_written.push_back(std::move(found.path));
  }
  for (const std::string& file : NamesIn(folder)) {
    for (const char* name : kRunFiles) {
      if (file == name || FinalName(file) != name) continue;
      half_written.push_back((fs::path(folder) / file).string());
    }
  }
  for (const std::string& path : half_written) RemoveFolder(path, FileSystem::Real());
}

}  // namespace models
