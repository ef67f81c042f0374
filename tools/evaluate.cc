// Measures what a trained model knows:
//
//   bazel run //tools:evaluate -- --protocol=position --checkpoint=FILE
//       [--data_path=DIR] [--precision=fp32|bf16] [--json=FILE] [--error_map=FILE.png]
//   bazel run //tools:evaluate -- --protocol=knn --checkpoint=FILE
//       [--data_path=DIR] [--feature=cls|mean|both] [--max_train_images=N] [--json=FILE]
//
// position: how well the model puts back held-out patches, with several shares of hidden patches
// and dropped positions. knn: whether held-out images are near training images of their class. The
// default data are the run's own. docs/evaluation.md explains the numbers.
#include <unistd.h>

#include <filesystem>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "graph/base/status.h"
#include "models/training/output_dir.h"
#include "models/training/run_log.h"
#include "nlohmann/json.hpp"
#include "tools/benchmark/timing.h"
#include "tools/cpus.h"
#include "tools/device.h"
#include "tools/evaluation/evaluation_flags.h"
#include "tools/evaluation/protocol.h"
#include "tools/flags/command_line.h"
#include "tools/flags/precision.h"
#include "tools/machine.h"
#include "tools/output/staged_output.h"
#include "tools/plugins.h"
#include "tools/program.h"

namespace tools {
namespace {

constexpr char kJson[] = "--json";

// Chooses the files that are wanted, each another one and none the checkpoint.
absl::Status ChooseOutputs(const std::map<std::string, std::string>& wanted,
                           Evaluation* evaluation) {
  for (const auto& [flag, path] : wanted) {
    if (path.empty()) continue;
    ASSIGN_OR_RETURN(StagedOutput output,
                     StagedOutput::Choose(flag, models::ResolveUserPath(path),
                                          StagedOutput::Kind::kFile, /*overwrite=*/true));
    std::error_code ignored;
    for (const auto& [other, chosen] : evaluation->outputs) {
      if (std::filesystem::weakly_canonical(chosen->path(), ignored) !=
          std::filesystem::weakly_canonical(output.path(), ignored)) {
        continue;
      }
      return graph::InvalidArgument(flag, " and ", other, " are one file, ", output.path(),
                                    "; choose another for one of them");
    }
    evaluation->outputs[flag] = std::make_unique<StagedOutput>(std::move(output));
  }
  return absl::OkStatus();
}

absl::Status Evaluate(Protocol* protocol, const std::string& json_path, Evaluation* evaluation) {
  const Clock::time_point started = Clock::now();
  RETURN_IF_ERROR(protocol->CheckFlags());
  std::map<std::string, std::string> wanted = protocol->Outputs();
  wanted[kJson] = json_path;
  RETURN_IF_ERROR(ChooseOutputs(wanted, evaluation));
  const EvaluationFlags& flags = evaluation->flags;
  ASSIGN_OR_RETURN(evaluation->trained, ReadTrainedModel(flags.checkpoint, MakeZoo()));
  for (const auto& [flag, output] : evaluation->outputs) {
    RETURN_IF_ERROR(CheckKeepsCheckpoint(evaluation->trained, flag, output->path()));
  }
  RETURN_IF_ERROR(protocol->CheckModel(evaluation->trained));
  ASSIGN_OR_RETURN(evaluation->data, OpenEvaluationData(evaluation->trained, flags));
  if (evaluation->data.held_out != nullptr) {
    evaluation->held_out =
        std::make_unique<SpreadDataset>(evaluation->data.held_out.get(), flags.max_images);
  }
  const graph::SchemaRegistry registry = MakeRegistry();
  ASSIGN_OR_RETURN(const DeviceChoice device, ChooseDevice(flags.device, flags.threads));
  ASSIGN_OR_RETURN(const graph::Backend backend, MakeBackend(device, flags.threads));
  evaluation->device_line = device.Line();
  for (const std::string& note : ThreadNotes(flags.threads)) {
    std::cout << "note: " << note << "\n";
  }
  evaluation->precision = ChoosePrecision(flags.precision, backend.capabilities,
                                          /*has_pass=*/true, device.device);
  const PrecisionChoice& precision = evaluation->precision;
  if (!precision.lacks.empty()) {
    std::cout << "note: " << precision.lacks << ", so fp32 is used\n";
  }
  evaluation->compile = {&registry, &backend, {}};
  evaluation->compile.passes.precision = precision.compute();
  ASSIGN_OR_RETURN(const Measured measured, protocol->Run(evaluation));
  const auto done = [&](const std::string& where) {
    std::cout << "\n"
              << DoneLine(measured.what, SecondsSince(started), precision.precision, where);
    return absl::OkStatus();
  };
  StagedOutput* const json_file = evaluation->output(kJson);
  if (json_file == nullptr) return done("--json=FILE keeps the numbers");

  nlohmann::ordered_json json;
  json["protocol"] = protocol->name();
  json["model"] = evaluation->trained.entry().name;
  json["checkpoint"] = evaluation->trained.path;
  if (evaluation->trained.step >= 0) json["step"] = evaluation->trained.step;
  json["data"] = evaluation->data.description;
  json["undecodable_images"] = evaluation->skipped;
  json["precision"] = precision.precision;
  json.update(measured.json);
  const std::string text = json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
  RETURN_IF_ERROR(
      json_file->Write([&](const std::string& path) { return WriteBytes(path, text + "\n"); }));
  return done("the numbers are in " + json_file->path());
}

// Refuses flags that only other protocols read.
absl::Status CheckOwnFlags(const CLI::App& app, const std::string& protocol) {
  for (const CLI::Option* option : app.get_options()) {
    absl::string_view readers = option->get_group();
    if (option->count() == 0 || !absl::ConsumePrefix(&readers, Protocol::Group(""))) continue;
    const std::vector<std::string> names = absl::StrSplit(readers, ", ");
    if (absl::c_linear_search(names, protocol)) continue;
    return graph::InvalidArgument(option->get_name(), " is for ", option->get_group(),
                                  ", not for ", Protocol::Group(protocol), "; leave it out");
  }
  return absl::OkStatus();
}

absl::StatusOr<int> Main(int argc, char** argv) {
  std::map<std::string, std::unique_ptr<Protocol>> protocols;
  std::vector<std::string> names, summaries, choices;
  for (std::unique_ptr<Protocol>& protocol : AllProtocols()) {
    names.push_back(protocol->name());
    summaries.push_back(absl::StrCat(protocol->name(), ": ", protocol->summary()));
    choices.push_back(Protocol::Group(protocol->name()) + " " + protocol->summary());
    protocols[protocol->name()] = std::move(protocol);
  }
  Evaluation evaluation(models::RunLog::ScreenOf(Screen(), STDOUT_FILENO));
  std::string chosen, json;
  const MachineDefaults machine = DetectMachine();
  evaluation.flags.threads = machine.threads;
  evaluation.flags.num_workers = machine.num_workers;
  CLI::App app("Says what a trained model knows.");
  app.add_option("--protocol", chosen, absl::StrJoin(summaries, "; "))
      ->check(CLI::IsMember(names));
  AddEvaluationFlags(&app, &evaluation.flags);
  app.add_option(kJson, json, "also write the numbers to this file, replacing it")
      ->type_name("FILE");
  AddFrozenFlags(&app, Protocol::Group("knn"), &evaluation.frozen);
  for (const std::string& name : names) protocols[name]->AddFlags(&app);
  ASSIGN_OR_RETURN(const bool proceed, ParseCommandLine("evaluate", argc, argv, &app));
  if (!proceed) return 0;
  if (chosen.empty()) {
    return graph::InvalidArgument("--protocol is missing; ", absl::StrJoin(choices, ", "));
  }
  RETURN_IF_ERROR(CheckOwnFlags(app, chosen));
  RETURN_IF_ERROR(Evaluate(protocols[chosen].get(), json, &evaluation));
  return 0;
}

}  // namespace
}  // namespace tools

int main(int argc, char** argv) { return tools::RunProgram("evaluate", argc, argv, tools::Main); }
