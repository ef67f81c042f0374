#include "tools/checkpoint/trained_model.h"

#include <filesystem>
#include <system_error>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_replace.h"
#include "graph/base/status.h"
#include "models/training/invocation.h"
#include "models/training/output_dir.h"
#include "models/training/safetensors.h"
#include "tools/flags/parse_flags.h"

namespace tools {

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
  ASSIGN_OR_RETURN(trained.path, models::FindModelFile(models::ResolveUserPath(flags.checkpoint)));
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
