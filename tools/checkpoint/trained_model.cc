#include "tools/checkpoint/trained_model.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "graph/base/shell_word.h"
#include "graph/base/status.h"
#include "models/training/invocation.h"
#include "models/training/output_dir.h"
#include "models/training/run_files.h"
#include "models/training/safetensors.h"
#include "models/zoo/edit_distance.h"
#include "tools/flags/parse_flags.h"

namespace tools {
namespace {

namespace fs = std::filesystem;

// Of what is in `folder`, what a --checkpoint may be; of large folders, some.
std::vector<std::string> ModelsIn(const fs::path& folder) {
  constexpr int kLooked = 1000;
  std::vector<std::string> names;
  std::error_code error;
  int looked = 0;
  for (fs::directory_iterator at(folder, error), end;
       !error && at != end && looked < kLooked; at.increment(error), ++looked) {
    const fs::path path = at->path();
    std::error_code ignored;
    const bool is_model = fs::is_directory(path, ignored)
                              ? models::FindModelFile(path.string()).ok()
                              : path.extension() == ".safetensors";
    if (is_model) names.push_back(path.filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

// "did you mean --checkpoint=runs/tiny? ", or "runs has a, b and 3 more; ", or nothing: near `path`,
// which holds no model or is not there.
std::string WhatIsNear(const fs::path& path) {
  fs::path folder = path, wanted;
  std::error_code ignored;
  while (!fs::is_directory(folder, ignored)) {
    wanted = folder.filename();
    const fs::path above = folder.has_parent_path() ? folder.parent_path() : fs::path(".");
    if (above == folder) return "";
    folder = above;
  }
  const std::vector<std::string> names = ModelsIn(folder);
  if (names.empty()) return "";
  const std::string nearest = wanted.empty() ? "" : models::Nearest(wanted.string(), names);
  if (!nearest.empty()) {
    return absl::StrCat("did you mean --checkpoint=",
                        graph::ShellWord((folder / nearest).lexically_normal().string()), "? ");
  }
  constexpr size_t kShown = 4;
  const std::vector<std::string> shown(names.begin(),
                                       names.begin() + std::min(kShown, names.size()));
  return absl::StrCat(
      folder.string(), " has ", absl::StrJoin(shown, ", "),
      names.size() > kShown ? absl::StrCat(" and ", names.size() - kShown, " more") : "", "; ");
}

// The file that `given`, of --checkpoint, means.
absl::StatusOr<std::string> FindCheckpoint(const std::string& given) {
  const std::string path = models::ResolveUserPath(given);
  std::error_code ignored;
  absl::StatusOr<std::string> found = models::FindModelFile(path);
  std::string wrong;
  if (!found.ok()) {
    wrong = std::string(found.status().message());
  } else if (fs::exists(*found, ignored)) {
    return found;
  } else {
    wrong = absl::StrCat("there is no ", *found);
  }
  return absl::NotFoundError(absl::StrCat("--checkpoint=", given, ": ", wrong, "; ",
                                          WhatIsNear(path),
                                          "name a run's folder, one of its checkpoints, or a file ",
                                          "of weights"));
}

}  // namespace

void AddCheckpointFlags(CLI::App* app, CheckpointFlags* flags) {
  app->add_option("--checkpoint", flags->checkpoint,
                  "parameters: a run's folder or one of its checkpoints, or a file of weights")
      ->required()
      ->type_name("PATH");
  app->add_option("--model", flags->model,
                  "zoo name of the model (default: what the checkpoint says)")
      ->type_name("NAME");
  app->add_option("--flagfile", flags->flagfile,
                  "flags of the run, e.g. its flags.txt (default: what the checkpoint says)")
      ->type_name("FILE");
}

absl::StatusOr<TrainedModel> ReadTrainedModel(const CheckpointFlags& flags,
                                              const models::Zoo& zoo) {
  TrainedModel trained;
  ASSIGN_OR_RETURN(trained.path, FindCheckpoint(flags.checkpoint));
  ASSIGN_OR_RETURN(const models::SafetensorsReader file,
                   models::SafetensorsReader::Open(trained.path));
  const auto metadata = [&file](const char* key) -> std::string {
    const auto it = file.metadata().find(key);
    return it == file.metadata().end() ? "" : it->second;
  };
  if (!absl::SimpleAtoi(metadata("step"), &trained.step)) trained.step = -1;

  ParsedFlags parsed;
  const bool told = !flags.model.empty() || !flags.flagfile.empty();
  if (told) {
    std::vector<std::string> args;
    if (!flags.model.empty()) args.push_back("--model=" + flags.model);
    if (!flags.flagfile.empty()) args.push_back("--flagfile=" + flags.flagfile);
    ASSIGN_OR_RETURN(parsed, ParseTrainFlags(args, zoo));
  } else if (!metadata("flags").empty()) {
    // The trainer escapes a text that is not ASCII (a path's name) as a whole.
    std::string text = metadata("flags"), plain;
    if (text.find('\n') == std::string::npos && absl::CUnescape(text, &plain)) text = plain;
    ASSIGN_OR_RETURN(parsed, ParseTrainFlags({}, zoo, text, trained.path));
  } else {
    return graph::InvalidArgument(
        trained.path,
        " does not say which model it holds; name it with --model=NAME (and "
        "--flagfile=FILE where its numbers are not the zoo's)");
  }
  if (!parsed.flags.model.has_value()) {
    return graph::InvalidArgument(trained.path,
                                  ": the flags name no model; give --model=NAME beside --flagfile");
  }
  absl::StatusOr<models::ZooEntry> entry = zoo.Find(*parsed.flags.model);
  if (!entry.ok()) {
    // The list may come from another program.
    const absl::Status error(
        entry.status().code(),
        absl::StrReplaceAll(entry.status().message(),
                            {{"--list_models", models::Invocation("train") + " --list_models"}}));
    return graph::Annotate(error, trained.path);
  }
  absl::StatusOr<ResolvedFlags> resolved = ResolveTrainFlags(parsed.flags, *entry, {1, 1});
  if (!resolved.ok()) return graph::Annotate(resolved.status(), trained.path);
  trained.resolved = *std::move(resolved);
  return trained;
}

absl::Status CheckKeepsCheckpoint(const TrainedModel& trained, const std::string& flag,
                                  const std::string& output) {
  std::error_code ignored;  // a missing file is not the checkpoint
  const std::filesystem::path file = std::filesystem::canonical(trained.path, ignored);
  if (!std::filesystem::equivalent(output, file, ignored) &&
      !std::filesystem::equivalent(output, file.parent_path(), ignored)) {
    return absl::OkStatus();
  }
  return graph::InvalidArgument(flag, "=", output, " would replace the checkpoint that is read, ",
                                trained.path, "; choose another ", flag);
}

}  // namespace tools
