#include "models/training/checkpoint_store.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <set>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "graph/base/status.h"
#include "models/data/file_util.h"
#include "models/files/durable.h"
#include "models/files/replace_folder.h"
#include "models/training/checkpoint.h"
#include "models/training/safetensors.h"

namespace models {
namespace {

namespace fs = std::filesystem;

constexpr char kStateFile[] = "state.json";
constexpr char kDoneFile[] = "DONE";
// What a run that ended badly may leave, and what is on its way out.
constexpr char kStaging[] = ".new-", kRetired[] = ".old-";
// A state holds flags and a few numbers. More is not ours.
constexpr int64_t kMaxStateBytes = 16 << 20;

std::string DoneText(absl::string_view state) {
  return absl::StrCat(kStateFile, " xxh3 ", HexText(SumOfBytes(state).xxh3), "\n");
}

// The tensors of the optimizer, which `session` owns.
absl::StatusOr<TensorMap> OptimizerTensors(const Session& session) {
  TensorMap tensors;
  for (const std::string& name : session.optimizer_state()) {
    ASSIGN_OR_RETURN(const graph::Tensor tensor, session.workspace().Find(name));
    tensors[name] = {tensor.type, absl::MakeConstSpan(static_cast<const uint8_t*>(tensor.data),
                                                      tensor.type.bytes())};
  }
  return tensors;
}

absl::Status RestoreOptimizer(const std::string& path, const Session& session) {
  ASSIGN_OR_RETURN(const SafetensorsFile file, SafetensorsFile::Read(path));
  ASSIGN_OR_RETURN(const TensorMap wanted, OptimizerTensors(session));
  for (const auto& [name, entry] : wanted) {
    ASSIGN_OR_RETURN(const TensorEntry saved, file.Find(name));
    if (saved.type.dtype != entry.type.dtype || saved.type.shape != entry.type.shape) {
      return graph::InvalidArgument(path, ": ", name, " is ", saved.type.ToString(),
                                    ", the run has ", entry.type.ToString());
    }
  }
  if (file.tensors().size() != wanted.size()) {
    return graph::InvalidArgument(path, " has ", file.tensors().size(), " tensors, the run has ",
                                  wanted.size());
  }
  for (const auto& [name, entry] : wanted) {
    const absl::Span<const uint8_t> from = file.tensors().at(name).data;
    ASSIGN_OR_RETURN(const graph::Tensor to, session.workspace().Find(name));
    std::memcpy(to.data, from.data(), from.size());
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadSmallFile(const std::string& path) {
  std::error_code error;
  const auto size = fs::file_size(path, error);
  if (!error && size > uint64_t{kMaxStateBytes}) {
    return graph::InvalidArgument(path, " has ", size, " bytes: it is not what a run wrote");
  }
  return ReadFile(path, kMaxStateBytes);
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

absl::StatusOr<Checkpoint> OpenCheckpoint(const std::string& path) {
  Checkpoint checkpoint{path, {}};
  const auto file = [&path](absl::string_view name) { return absl::StrCat(path, "/", name); };
  const absl::StatusOr<std::string> done = ReadSmallFile(file(kDoneFile));
  if (done.status().code() == absl::StatusCode::kNotFound) {
    return absl::DataLossError(
        absl::StrCat(path, " has no ", kDoneFile, ": it is no checkpoint, or not a whole one"));
  }
  RETURN_IF_ERROR(done.status());
  ASSIGN_OR_RETURN(const std::string text, ReadSmallFile(file(kStateFile)));
  if (*done != DoneText(text)) {
    return absl::DataLossError(absl::StrCat(file(kStateFile), " is not what was written: its sum ",
                                            "is not the one in ", kDoneFile));
  }
  ASSIGN_OR_RETURN(checkpoint.state, ParseRunState(text, file(kStateFile)));
  for (const char* name : {kModelFile, kOptimizerFile}) {
    const auto sum = checkpoint.state.files.find(name);
    if (sum == checkpoint.state.files.end()) {
      return absl::DataLossError(absl::StrCat(file(kStateFile), " does not name ", name));
    }
    ASSIGN_OR_RETURN(const FileSum found, SumOfFile(file(name)));
    if (!(found == sum->second)) {
      return absl::DataLossError(absl::StrCat(file(name), " is not what was written: ", found.bytes,
                                              " bytes with sum ", HexText(found.xxh3),
                                              " instead of ", sum->second.bytes, " with ",
                                              HexText(sum->second.xxh3)));
    }
  }
  return checkpoint;
}

absl::StatusOr<std::vector<int64_t>> CheckpointSteps(const std::string& run_folder) {
  std::vector<int64_t> steps;
  const fs::path folder = fs::path(run_folder) / kCheckpointsFolder;
  std::error_code error;
  if (fs::symlink_status(folder, error).type() == fs::file_type::not_found) return steps;
  fs::directory_iterator entry(folder, error), end;
  for (; !error && entry != end; entry.increment(error)) {
    const absl::optional<int64_t> step = StepOfName(entry->path().filename().string());
    if (step.has_value()) steps.push_back(*step);
  }
  if (error) {
    return absl::UnavailableError(absl::StrCat("cannot read the checkpoints in ", folder.string(),
                                               ": ", error.message(),
                                               "; is the disk they are on there?"));
  }
  std::sort(steps.begin(), steps.end());
  return steps;
}

absl::StatusOr<std::string> SetAside(const std::string& checkpoint, FileSystem* files) {
  const fs::path path(checkpoint);
  const std::string wanted =
      (path.parent_path() / ("damaged_" + path.filename().string())).string();
  std::string aside = wanted;
  std::error_code ignored;
  for (int i = 2; fs::exists(fs::symlink_status(aside, ignored)); ++i) {
    aside = absl::StrCat(wanted, "-", i);
  }
  if (files->Rename(checkpoint, aside) != 0) return CannotWrite(checkpoint);
  return aside;
}

absl::StatusOr<NewestCheckpoint> FindNewestCheckpoint(const std::string& run_folder) {
  const std::string folder = (fs::path(run_folder) / kCheckpointsFolder).string();
  PutBackReplaced(folder, FileSystem::Real());
  ASSIGN_OR_RETURN(const std::vector<int64_t> steps, CheckpointSteps(run_folder));
  if (steps.empty()) return absl::NotFoundError(absl::StrCat("no checkpoint in ", folder));
  NewestCheckpoint newest;
  for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
    const std::string path = absl::StrCat(folder, "/", CheckpointName(*step));
    absl::StatusOr<Checkpoint> found = OpenCheckpoint(path);
    if (found.ok()) {
      newest.checkpoint = *std::move(found);
      return newest;
    }
    newest.passed_over.push_back({path, std::string(found.status().message())});
  }
  std::string reasons;
  for (const auto& damaged : newest.passed_over) absl::StrAppend(&reasons, "; ", damaged.reason);
  return absl::DataLossError(absl::StrCat("no checkpoint in ", folder, " can be used", reasons));
}

absl::Status RestoreCheckpoint(const Checkpoint& checkpoint, Session* session) {
  RETURN_IF_ERROR(LoadParameters(checkpoint.path + "/" + kModelFile, session->parameters(), {},
                                 session->workspace())
                      .status());
  return RestoreOptimizer(checkpoint.path + "/" + kOptimizerFile, *session);
}

absl::Status WriteCheckpointFiles(const std::string& folder, RunState state, const Session& session,
                                  const std::map<std::string, std::string>& metadata,
                                  FileSystem* files) {
  const auto write = [&](const char* name, const TensorMap& tensors,
                         const TensorMetadata& told) -> absl::Status {
    ASSIGN_OR_RETURN(FileWriter file, FileWriter::Create(absl::StrCat(folder, "/", name), files));
    RETURN_IF_ERROR(AppendSafetensors(tensors, told, &file));
    state.files[name] = file.sum();
    return file.Finish();
  };
  ASSIGN_OR_RETURN(const NamedTensors parameters,
                   ParameterTensors(session.parameters(), session.workspace(), metadata));
  RETURN_IF_ERROR(write(kModelFile, parameters.tensors, parameters.metadata));
  ASSIGN_OR_RETURN(const TensorMap optimizer, OptimizerTensors(session));
  RETURN_IF_ERROR(write(kOptimizerFile, optimizer, {}));

  const std::string text = RunStateJson(state);
  const std::pair<const char*, std::string> small[] = {{kStateFile, text},
                                                       {kDoneFile, DoneText(text)}};
  for (const auto& [name, bytes] : small) {
    ASSIGN_OR_RETURN(FileWriter file, FileWriter::Create(absl::StrCat(folder, "/", name), files));
    RETURN_IF_ERROR(file.Append(bytes));
    RETURN_IF_ERROR(file.Finish());
  }
  return SyncFolder(folder, files);
}

int64_t CheckpointBytes(const Session& session) {
  int64_t bytes = 4 << 20;  // headers, state, and what the log grows by meanwhile
  for (const Parameter& p : session.parameters()) bytes += static_cast<int64_t>(p.type.bytes());
  for (const std::string& name : session.optimizer_state()) {
    const absl::StatusOr<graph::Tensor> tensor = session.workspace().Find(name);
    if (tensor.ok()) bytes += static_cast<int64_t>(tensor->type.bytes());
  }
  return bytes;
}

CheckpointStore::CheckpointStore(std::string run_folder, KeepPolicy policy, FileSystem* files)
    : run_folder_(std::move(run_folder)),
      folder_((fs::path(run_folder_) / kCheckpointsFolder).string()),
      policy_(policy),
      files_(files) {}

absl::StatusOr<std::string> CheckpointStore::Save(
    RunState state, const Session& session, const std::map<std::string, std::string>& metadata) {
  if (files_->MakeFolder(folder_) == 0) {
    RETURN_IF_ERROR(SyncFolder(run_folder_, files_));
  } else if (errno != EEXIST) {
    return CannotWrite(folder_);
  }
  RemoveLeftovers();
  RETURN_IF_ERROR(CheckSpace(session));
  const int64_t step = state.step;
  const std::string staging = absl::StrCat(folder_, "/", kStaging, CheckpointName(step));
  const std::string path = absl::StrCat(folder_, "/", CheckpointName(step));
  if (files_->MakeFolder(staging) != 0) return CannotWrite(staging);
  absl::Status status = WriteCheckpointFiles(staging, std::move(state), session, metadata, files_);
  if (status.ok()) status = ReplaceFolder(staging, path, files_);
  if (!status.ok()) {
    RemoveFolder(staging, files_);
    return graph::Annotate(status, absl::StrCat("checkpoint of step ", step));
  }
  Prune(step);
  RETURN_IF_ERROR(PointLink(step));
  return path;
}

absl::Status CheckpointStore::TakeUp(int64_t step) {
  RemoveLeftovers();
  std::error_code ignored;
  if (!fs::exists(fs::path(folder_) / CheckpointName(step), ignored)) return absl::OkStatus();
  RETURN_IF_ERROR(PointLink(step));
  Prune(step);
  return absl::OkStatus();
}

absl::Status CheckpointStore::CheckSpace(const Session& session) const {
  const int64_t needed = CheckpointBytes(session);
  const int64_t free = files_->FreeBytes(folder_);
  if (free < 0 || free >= needed) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrFormat(
      "a checkpoint needs %d MiB and %s has %d MiB free; make room, or keep fewer with --keep",
      needed >> 20, folder_, free >> 20));
}

absl::Status CheckpointStore::PointLink(int64_t step) {
  const std::string link = (fs::path(run_folder_) / kNewestModel).string();
  const std::string fresh = absl::StrCat(link, ".tmp");
  const std::string target =
      absl::StrCat(kCheckpointsFolder, "/", CheckpointName(step), "/", kModelFile);
  files_->Remove(fresh);
  // A full disk has no room for the same link once more.
  std::error_code none;
  if (fs::read_symlink(link, none) == target) return absl::OkStatus();
  // A file system without links goes without: the checkpoint itself is there.
  if (files_->Link(target, fresh) != 0) {
    return errno == EPERM || errno == ENOTSUP || errno == ENOSYS ? absl::OkStatus()
                                                                 : CannotWrite(link);
  }
  if (files_->Rename(fresh, link) != 0) {
    const absl::Status status = CannotWrite(link);
    files_->Remove(fresh);
    return status;
  }
  return SyncFolder(run_folder_, files_);
}

// Best effort: what cannot be removed now is tried again at the next checkpoint.
void CheckpointStore::Prune(int64_t saved) {
  if (policy_.keep <= 0) return;
  std::vector<int64_t> steps = CheckpointSteps(run_folder_).value_or(std::vector<int64_t>());
  steps.erase(
      std::remove_if(steps.begin(), steps.end(), [&](int64_t step) { return step > saved; }),
      steps.end());
  const size_t newest = static_cast<size_t>(policy_.keep);
  for (size_t i = 0; i + newest < steps.size(); ++i) {
    if (policy_.keep_every > 0 && steps[i] % policy_.keep_every == 0) continue;
    const std::string name = CheckpointName(steps[i]);
    // Its name goes first, so that half of one is never taken for a checkpoint.
    const std::string retired = absl::StrCat(folder_, "/", kRetired, name);
    if (files_->Rename(absl::StrCat(folder_, "/", name), retired) == 0) {
      RemoveFolder(retired, files_);
    }
  }
}

void CheckpointStore::RemoveLeftovers() {
  PutBackReplaced(folder_, files_);
  std::vector<std::string> leftovers;
  std::error_code error;
  for (fs::directory_iterator entry(folder_, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (absl::StartsWith(name, kStaging) || absl::StartsWith(name, kRetired)) {
      leftovers.push_back(entry->path().string());
    }
  }
  for (const std::string& folder : leftovers) RemoveFolder(folder, files_);
}

}  // namespace models
