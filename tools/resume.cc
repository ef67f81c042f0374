#include "tools/resume.h"

#include <filesystem>
#include <limits>
#include <map>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "graph/base/quoted.h"
#include "graph/base/status.h"
#include "models/files/durable.h"
#include "models/files/make_folders.h"
#include "models/training/capsule.h"
#include "models/training/event_file.h"
#include "tools/flags/flag_table.h"
#include "tools/flags/parse_flags.h"

namespace tools {
namespace {

namespace fs = std::filesystem;
using models::Checkpoint;

bool IsCheckpoint(const std::string& folder) {
  std::error_code ignored;
  if (fs::exists(fs::path(folder) / models::kCheckpointsFolder, ignored)) return false;  // a run
  for (const char* name : {"state.json", models::kModelFile, "DONE"}) {
    if (fs::exists(fs::path(folder) / name, ignored)) return true;
  }
  return models::StepOfName(fs::path(folder).filename().string()).has_value();
}

// Of the run that the checkpoint or capsule lies in; empty where it lies elsewhere, copied or
// moved.
std::string FolderOfRun(const std::string& checkpoint) {
  const fs::path above = fs::path(checkpoint).parent_path();
  const std::string name = above.filename().string();
  if (name != models::kCheckpointsFolder && name != models::kCapsulesFolder) return "";
  return above.has_parent_path() ? above.parent_path().string() : ".";
}

bool SameFolder(const std::string& a, const std::string& b) {
  std::error_code ignored;
  return fs::path(a).lexically_normal() == fs::path(b).lexically_normal() ||
         fs::equivalent(a, b, ignored);
}

// Without a slash at its end.
std::string Folder(const std::string& path) {
  fs::path folder = fs::path(models::ResolveUserPath(path)).lexically_normal();
  if (!folder.has_filename() && folder.has_parent_path()) folder = folder.parent_path();
  return folder.string();
}

absl::StatusOr<Resumption> Auto(const std::string& output_dir) {
  if (output_dir.empty()) {
    return graph::InvalidArgument(
        "--resume=auto goes on in a run's folder; name it with --output_dir=DIR");
  }
  Resumption resumption;
  resumption.output_dir = output_dir;
  absl::StatusOr<models::NewestCheckpoint> newest = models::FindNewestCheckpoint(output_dir);
  if (newest.ok()) {
    resumption.checkpoint = std::move(newest->checkpoint);
    resumption.earlier = models::EarlierRun::kResume;
    resumption.damaged = std::move(newest->passed_over);
    ASSIGN_OR_RETURN(resumption.steps_then, models::CheckpointSteps(output_dir));
    return resumption;
  }
  if (newest.status().code() != absl::StatusCode::kNotFound) return newest.status();
  // A run that ended before its first checkpoint left nothing to go on from.
  resumption.earlier = models::EarlierRun::kReplace;
  std::error_code ignored;
  if (fs::exists(fs::path(output_dir) / models::kMetricsFile, ignored)) {
    resumption.note = absl::StrCat("the run in ", output_dir,
                                   " ended before its first checkpoint, so it begins again");
  }
  return resumption;
}

absl::Status CheckIsNewest(const Checkpoint& checkpoint, const std::string& run) {
  std::vector<std::string> later;
  ASSIGN_OR_RETURN(const std::vector<int64_t> steps, models::CheckpointSteps(run));
  for (const int64_t step : steps) {
    if (step > checkpoint.state.step) later.push_back(models::CheckpointName(step));
  }
  if (later.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("--resume=", checkpoint.path, ": the run has later checkpoints (",
                   absl::StrJoin(later, ", "), "); go on from the newest with --resume=", run,
                   ", or from this one into another folder with --output_dir"));
}

}  // namespace

std::string Note(const models::RunState& state, const char* name) {
  const auto it = state.notes.find(name);
  return it == state.notes.end() ? "" : it->second;
}

std::string Resumption::flags() const {
  return checkpoint.has_value() ? Note(checkpoint->state, kFlagsNote) : "";
}

std::string Resumption::flags_name() const {
  return checkpoint.has_value() ? checkpoint->path + "/state.json" : "";
}

absl::StatusOr<Resumption> FindResumption(const std::vector<std::string>& args,
                                          const models::Zoo& zoo) {
  using Given = std::map<std::string, std::string>;
  ASSIGN_OR_RETURN(const Given given, GivenFlags(args, zoo));
  const auto value = [&given](const char* name) {
    const auto it = given.find(name);
    return it == given.end() ? std::string() : it->second;
  };
  const std::string resume = value("resume");
  const bool overwrite = models::ParseSwitch(value("overwrite")).value_or(false);
  Resumption resumption;
  if (overwrite) resumption.earlier = models::EarlierRun::kReplace;
  if (resume.empty()) return resumption;
  if (overwrite) {
    return graph::InvalidArgument("--resume goes on with a run and --overwrite replaces it; ",
                                  "give one of them");
  }
  const std::string typed = value("output_dir");
  const std::string output_dir = typed.empty() ? "" : Folder(typed);
  if (resume == "auto") return Auto(output_dir);

  const std::string folder = Folder(resume);
  std::error_code ignored;
  if (!fs::is_directory(folder, ignored)) {
    return absl::NotFoundError(
        absl::StrCat("--resume=", resume, ": there is no folder ", folder,
                     "; name a run's folder, one of its checkpoints, or auto with --output_dir"));
  }
  std::string run = folder;
  if (IsCheckpoint(folder)) {
    ASSIGN_OR_RETURN(resumption.checkpoint, models::OpenCheckpoint(folder));
    RETURN_IF_ERROR(models::CheckCanGoOn(*resumption.checkpoint));
    run = FolderOfRun(folder);
  } else {
    // Its checkpoints/ mean the run, which may be called so, too.
    const fs::path named(folder);
    if (named.filename() == models::kCheckpointsFolder && named.has_parent_path() &&
        !fs::exists(named / models::kCheckpointsFolder, ignored)) {
      run = named.parent_path().string();
    }
    ASSIGN_OR_RETURN(models::NewestCheckpoint newest, models::FindNewestCheckpoint(run));
    resumption.checkpoint = std::move(newest.checkpoint);
    resumption.damaged = std::move(newest.passed_over);
  }
  resumption.output_dir = output_dir.empty() ? run : output_dir;
  if (resumption.output_dir.empty()) {
    return graph::InvalidArgument("--resume=", resume, " lies in no run's folder; name the one ",
                                  "that the run is to go on in with --output_dir=DIR");
  }
  if (SameFolder(resumption.output_dir, run)) {
    resumption.earlier = models::EarlierRun::kResume;
    ASSIGN_OR_RETURN(resumption.steps_then, models::CheckpointSteps(run));
    if (IsCheckpoint(folder)) RETURN_IF_ERROR(CheckIsNewest(*resumption.checkpoint, run));
  } else {
    resumption.logs_from = run;
  }
  return resumption;
}

absl::Status CheckSameRun(const Resumption& resumption, const TrainFlags& now,
                          const models::Zoo& zoo,
                          const std::map<std::string, std::string>& lacks) {
  ASSIGN_OR_RETURN(const ParsedFlags then,
                   ParseTrainFlags({}, zoo, resumption.flags(), resumption.flags_name()));
  std::vector<std::string> changed, lacking;
  bool channels = false;
  for (const FlagRow& row : FlagTable(zoo.entries())) {
    if (row.lifetime != Lifetime::kRun) continue;
    // A run of a version without the flag did what is now the default.
    const std::string unset = row.fallback.is_value ? row.fallback.text : "unset";
    const std::string before = FlagText(row, then.flags).value_or(unset);
    const std::string after = FlagText(row, now).value_or(unset);
    if (before == after) continue;
    // Nobody need have typed those: they have a number for each channel.
    if (channels && (row.name == "mean" || row.name == "std")) continue;
    channels = channels || row.name == "channels";
    if (const auto lack = lacks.find(std::string(row.name)); lack != lacks.end()) {
      lacking.push_back(lack->second);
    }
    changed.push_back(absl::StrCat("--", row.name, " was ", graph::Shortened(before), " and is ",
                                   graph::Shortened(after)));
  }
  if (changed.empty()) return absl::OkStatus();
  std::string way_out = "leave these flags out";
  if (!lacking.empty()) {
    way_out = absl::StrCat(lacking.size() < changed.size() ? "leave the others out; " : "",
                           absl::StrJoin(lacking, "; "), "; resume it where there is one");
  }
  return absl::FailedPreconditionError(absl::StrCat(
      "--resume goes on with a run as it is, and this one is another: ",
      absl::StrJoin(changed, "; "), "; ", way_out, ", or begin a new run with --init_from"));
}

std::string WhatRoundsDifferently(const Resumption& resumption, const Environment& now) {
  const std::string then = Note(resumption.checkpoint->state, kEnvironmentNote);
  const std::vector<std::string> differences = EnvironmentDifferences(ParseEnvironment(then), now);
  if (differences.empty()) return "";
  return absl::StrCat("what computes is not what it was (", absl::StrJoin(differences, "; "),
                      "): from here on numbers may round differently, so the run need not be "
                      "bit-equal to one that did not stop");
}

absl::StatusOr<std::vector<std::string>> TakeOverCheckpoints(const Resumption& resumption) {
  std::vector<std::string> lines;
  if (resumption.earlier != models::EarlierRun::kResume) return lines;
  ASSIGN_OR_RETURN(const std::vector<int64_t> now, models::CheckpointSteps(resumption.output_dir));
  if (now != resumption.steps_then) {
    return absl::FailedPreconditionError(absl::StrCat("another process went on with the run in ",
                                                      resumption.output_dir,
                                                      " meanwhile; give the command again"));
  }
  for (const auto& damaged : resumption.damaged) {
    lines.push_back(models::SetAside(damaged.path, models::FileSystem::Real()));
  }
  return lines;
}

absl::Status CopyLogs(const Resumption& resumption, const models::OutputDir& output) {
  const models::RunState& state = resumption.checkpoint->state;
  const std::pair<const char*, int64_t> logs[] = {{models::kMetricsFile, state.metrics_bytes},
                                                  {models::kTrainLogFile, state.log_bytes}};
  const auto copy = [&](const std::string& name, int64_t bytes) {
    return models::CopyFile(absl::StrCat(resumption.logs_from, "/", name), bytes, output.File(name),
                            models::FileSystem::Real());
  };
  for (const auto& [name, bytes] : logs) {
    // The file says how much there is, the checkpoint how much of it counts. Without it, because
    // the checkpoint was moved alone, a new one begins here.
    if (absl::Status copied = copy(name, bytes); !copied.ok() && !absl::IsNotFound(copied)) {
      return copied;
    }
  }
  // Whole: the run's own begin with a mark that makes TensorBoard forget what comes after the step.
  const std::string folder = models::kTensorboardFolder;
  const std::vector<std::string> events =
      models::ListEventFiles(absl::StrCat(resumption.logs_from, "/", folder));
  if (!events.empty()) RETURN_IF_ERROR(models::MakeFolders(output.File(folder)).status());
  for (const std::string& name : events) {
    RETURN_IF_ERROR(copy(absl::StrCat(folder, "/", name), std::numeric_limits<int64_t>::max()));
  }
  return absl::OkStatus();
}

}  // namespace tools
