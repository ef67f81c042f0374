#include "models/training/checkpoint_store.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "graph/base/status.h"
#include "models/files/durable.h"
#include "models/files/input_file.h"
#include "models/files/replace_folder.h"
#include "models/training/checkpoint.h"
#include "models/training/safetensors.h"

namespace models {
namespace {

namespace fs = std::filesystem;

constexpr char kStateFile[] = "state.json";
constexpr char kDoneFile[] = "DONE";
// A state holds flags and a few numbers. More is not ours.
constexpr int64_t kMaxStateBytes = 16 << 20;

std::string DoneText(absl::string_view state) {
  return absl::StrCat(kStateFile, " xxh3 ", HexText(SumOfBytes(state).xxh3), "\n");
}

// The tensors of the optimizer, which `session` owns.
absl::StatusOr<TensorMap> OptimizerTensors(const Session& session) {
  TensorMap tensors;
  for (const std::string& name : session.optimizer_state()) {
    ASSIGN_OR_RETURN(const graph::ConstTensor tensor, session.workspace().Find(name));
    tensors[name] = TensorEntry::OnDevice(tensor);
  }
  return tensors;
}

absl::Status RestoreOptimizer(const std::string& path, Session* session) {
  ASSIGN_OR_RETURN(const SafetensorsReader file, SafetensorsReader::Open(path));
  std::vector<std::pair<StoredTensor, graph::Tensor>> all;
  for (const std::string& name : session->optimizer_state()) {
    ASSIGN_OR_RETURN(const StoredTensor saved, file.Find(name));
    ASSIGN_OR_RETURN(const graph::Tensor tensor, session->workspace()->Find(name));
    if (saved.type() != tensor.type) {
      return graph::InvalidArgument(path, ": ", name, " is ", saved.ToString(), ", the run has ",
                                    tensor.type.ToString());
    }
    all.emplace_back(saved, tensor);
  }
  if (file.tensors().size() != all.size()) {
    return graph::InvalidArgument(path, " has ", file.tensors().size(), " tensors, the run has ",
                                  all.size());
  }
  for (const auto& [saved, tensor] : all) {
    RETURN_IF_ERROR(file.ReadInto(saved, tensor));
  }
  return absl::OkStatus();
}

bool IsCheckpoint(absl::string_view name) { return StepOfName(name).has_value(); }

// The folders' names by step: step_N, or step_N.replaced where that is all there is.
absl::StatusOr<std::map<int64_t, std::string>> NamesOfSteps(const std::string& run_folder) {
  std::map<int64_t, std::string> names;
  const fs::path folder = fs::path(run_folder) / kCheckpointsFolder;
  std::error_code error;
  if (fs::symlink_status(folder, error).type() == fs::file_type::not_found) return names;
  for (const std::string& name : NamesIn(folder.string(), &error)) {
    const auto step = StepOfName(absl::StripSuffix(name, kReplacedSuffix));
    if (!step.has_value()) continue;
    std::string& found = names[*step];
    if (found.empty() || IsCheckpoint(name)) found = name;
  }
  if (error) {
    return absl::UnavailableError(absl::StrCat("cannot read the checkpoints in ", folder.string(),
                                               ": ", error.message(),
                                               "; is the disk they are on there?"));
  }
  return names;
}

void RemoveLeftovers(const std::string& folder, FileSystem* files) {
  PutBackReplaced(folder, IsCheckpoint, files);
  for (const std::string& name : NamesIn(folder)) {
    if (IsCheckpointName(kStagingPrefix, name) || IsCheckpointName(kRetiredPrefix, name)) {
      RemoveFolder(absl::StrCat(folder, "/", name), files);
    }
  }
}

}  // namespace

absl::Status PrepareStepFolders(const std::string& folder, FileSystem* files) {
  if (files->MakeFolder(folder) == 0) {
    RETURN_IF_ERROR(SyncFolder(FolderOf(folder), files));
  } else if (errno != EEXIST) {
    return CannotWrite(folder);
  }
  RemoveLeftovers(folder, files);
  return absl::OkStatus();
}

absl::StatusOr<std::string> WriteStepFolder(
    const std::string& folder, int64_t step,
    absl::FunctionRef<absl::Status(const std::string& staging)> write, FileSystem* files) {
  const std::string name = CheckpointName(step), path = absl::StrCat(folder, "/", name);
  const std::string staging = absl::StrCat(folder, "/", kStagingPrefix, name);
  if (files->MakeFolder(staging) != 0) return CannotWrite(staging);
  absl::Status status = write(staging);
  if (status.ok()) status = ReplaceFolder(staging, path, files);
  if (status.ok()) return path;
  RemoveFolder(staging, files);
  return status;
}

absl::StatusOr<Checkpoint> OpenCheckpoint(const std::string& path) {
  Checkpoint checkpoint{path, {}};
  const auto file = [&path](absl::string_view name) { return absl::StrCat(path, "/", name); };
  std::error_code ignored;
  if (fs::is_symlink(path, ignored) && !fs::exists(path, ignored)) {
    return absl::UnavailableError(
        absl::StrCat(path, " is a link to nothing; is the disk it leads to there?"));
  }
  const absl::StatusOr<std::string> done = InputFile::ReadAll(file(kDoneFile), kMaxStateBytes);
  if (absl::IsNotFound(done.status())) {
    return absl::DataLossError(
        absl::StrCat(path, " has no ", kDoneFile, ": it is no checkpoint, or not a whole one"));
  }
  RETURN_IF_ERROR(done.status());
  ASSIGN_OR_RETURN(const std::string text, InputFile::ReadAll(file(kStateFile), kMaxStateBytes));
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
    RETURN_IF_ERROR(CheckSum(file(name), sum->second));
  }
  return checkpoint;
}

absl::StatusOr<std::vector<int64_t>> CheckpointSteps(const std::string& run_folder) {
  ASSIGN_OR_RETURN(const auto names, NamesOfSteps(run_folder));
  std::vector<int64_t> steps;
  for (const auto& [step, name] : names) steps.push_back(step);
  return steps;
}

std::string SetAside(const std::string& checkpoint, FileSystem* files) {
  const fs::path path(checkpoint);
  const std::string wanted =
      (path.parent_path() /
       absl::StrCat(kDamagedPrefix, absl::StripSuffix(path.filename().string(), kReplacedSuffix)))
          .string();
  std::string aside = wanted;
  std::error_code ignored;
  for (int i = 2; fs::exists(fs::symlink_status(aside, ignored)); ++i) {
    aside = absl::StrCat(wanted, "-", i);
  }
  if (files->Rename(checkpoint, aside) == 0) return absl::StrCat("set aside as ", aside);
  return absl::StrCat(checkpoint,
                      " cannot be set aside and stays where it is: ", std::strerror(errno));
}

absl::StatusOr<NewestCheckpoint> FindNewestCheckpoint(const std::string& run_folder) {
  const std::string folder = (fs::path(run_folder) / kCheckpointsFolder).string();
  ASSIGN_OR_RETURN(const auto names, NamesOfSteps(run_folder));
  if (names.empty()) return absl::NotFoundError(absl::StrCat("no checkpoint in ", folder));
  NewestCheckpoint newest;
  for (auto named = names.rbegin(); named != names.rend(); ++named) {
    const auto& [step, name] = *named;
    const std::string path = absl::StrCat(folder, "/", name);
    absl::StatusOr<Checkpoint> found = OpenCheckpoint(path);
    if (found.ok() && found->state.step == step) {
      newest.checkpoint = *std::move(found);
      return newest;
    }
    if (absl::IsPermissionDenied(found.status()) || absl::IsUnavailable(found.status())) {
      return graph::Annotate(
          absl::Status(found.status().code(),
                       absl::StrCat(found.status().message(),
                                    "; mend that, or move the checkpoint "
                                    "out of its folder to go on from the one before")),
          "the newest checkpoint");
    }
    newest.passed_over.push_back(
        {path, found.ok() ? absl::StrCat(path, " is a copy of step ", found->state.step)
                          : std::string(found.status().message())});
  }
  std::string reasons;
  for (const auto& damaged : newest.passed_over) absl::StrAppend(&reasons, "; ", damaged.reason);
  return absl::DataLossError(absl::StrCat("no checkpoint in ", folder, " can be used", reasons));
}

absl::Status RestoreCheckpoint(const Checkpoint& checkpoint, Session* session) {
  RETURN_IF_ERROR(LoadParameters(checkpoint.path + "/" + kModelFile, session->parameters(), {},
                                 session->workspace())
                      .status());
  return RestoreOptimizer(checkpoint.path + "/" + kOptimizerFile, session);
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
  for (const auto& [name, bytes] :
       {std::make_pair(kStateFile, text), std::make_pair(kDoneFile, DoneText(text))}) {
    ASSIGN_OR_RETURN(FileWriter file, FileWriter::Create(absl::StrCat(folder, "/", name), files));
    RETURN_IF_ERROR(file.Append(bytes));
    RETURN_IF_ERROR(file.Finish());
  }
  return SyncFolder(folder, files);
}

int64_t CheckpointBytes(const Session& session) {
  return static_cast<int64_t>(session.memory().parameters + session.memory().optimizer);
}

CheckpointStore::CheckpointStore(std::string run_folder, KeepPolicy policy, FileSystem* files)
    : policy_(policy), files_(files) {
  SetFolder(std::move(run_folder));
}

void CheckpointStore::SetFolder(std::string run_folder) {
  run_folder_ = std::move(run_folder);
  folder_ = (fs::path(run_folder_) / kCheckpointsFolder).string();
}

void CheckpointStore::Follow(std::function<absl::StatusOr<std::string>()> path_now) {
  path_now_ = std::move(path_now);
}

absl::Status CheckpointStore::CheckFolder() const {
  if (!path_now_) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::string now, path_now_());
  if (now == run_folder_) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("the run's output folder is no longer ",
                                                    run_folder_, " but ", now,
                                                    "; give it its name back"));
}

absl::StatusOr<std::string> CheckpointStore::Save(
    RunState state, const Session& session, const std::map<std::string, std::string>& metadata) {
  if (path_now_) {
    ASSIGN_OR_RETURN(std::string now, path_now_());
    SetFolder(std::move(now));
  }
  RETURN_IF_ERROR(PrepareStepFolders(folder_, files_));
  if (const absl::Status room =
          CheckRoom("a checkpoint", CheckpointBytes(session), folder_, files_);
      !room.ok()) {
    return absl::Status(room.code(),
                        absl::StrCat(room.message(), "; make room, or keep fewer with --keep"));
  }
  const int64_t step = state.step;
  const auto write = [&](const std::string& staging) {
    return WriteCheckpointFiles(staging, std::move(state), session, metadata, files_);
  };
  absl::StatusOr<std::string> path = WriteStepFolder(folder_, step, write, files_);
  if (!path.ok()) return graph::Annotate(path.status(), absl::StrCat("checkpoint of step ", step));
  // The link first: it leads to one that may be removed next.
  RETURN_IF_ERROR(PointLink(kNewestModel, step));
  Prune(step);
  return path;
}

absl::StatusOr<bool> CheckpointStore::Adopt(int64_t step) {
  RemoveLeftovers(folder_, files_);
  if (!Has(step)) return false;
  RETURN_IF_ERROR(PointLink(kNewestModel, step));
  Prune(step);
  return true;
}

absl::Status CheckpointStore::KeepBest(int64_t step) {
  if (!Has(step)) return absl::OkStatus();
  best_ = step;
  return PointLink(kBestModel, step);
}

bool CheckpointStore::Has(int64_t step) const {
  std::error_code ignored;
  return fs::exists(fs::path(folder_) / CheckpointName(step), ignored);
}

absl::Status CheckpointStore::PointLink(const char* name, int64_t step) {
  const std::string link = (fs::path(run_folder_) / name).string();
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
    if (steps[i] == best_) continue;
    if (policy_.keep_every > 0 && steps[i] % policy_.keep_every == 0) continue;
    const std::string name = CheckpointName(steps[i]);
    // Its name goes first, so that half of one is never taken for a checkpoint.
    const std::string retired = absl::StrCat(folder_, "/", kRetiredPrefix, name);
    if (files_->Rename(absl::StrCat(folder_, "/", name), retired) == 0) {
      RemoveFolder(retired, files_);
    }
  }
}

}  // namespace models
