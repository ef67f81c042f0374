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

#include <cmath>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

#include "CLI/CLI.hpp"
#include "absl/strings/str_format.h"
#include "graph/base/counted.h"
#include "graph/base/status.h"
#include "models/data/image_io.h"
#include "models/training/checkpoint.h"
#include "models/training/output_dir.h"
#include "models/training/run_log.h"
#include "models/training/screen_text.h"
#include "nlohmann/json.hpp"
#include "tools/benchmark/timing.h"
#include "tools/cpus.h"
#include "tools/device.h"
#include "tools/evaluation/evaluation_flags.h"
#include "tools/evaluation/image_progress.h"
#include "tools/evaluation/knn_protocol.h"
#include "tools/evaluation/position_report.h"
#include "tools/evaluation/spread_dataset.h"
#include "tools/flags/command_line.h"
#include "tools/flags/precision.h"
#include "tools/machine.h"
#include "tools/output/staged_output.h"
#include "tools/plugins.h"
#include "tools/program.h"

namespace tools {
namespace {

// Prefix of the --help groups for the flags of one protocol.
constexpr char kProtocol[] = "--protocol=";
constexpr char kPosition[] = "--protocol=position", kKnn[] = "--protocol=knn";

struct Flags {
  EvaluationFlags common;
  std::string protocol;
  absl::optional<int64_t> seed;  // unset: the run's
  std::string json;
  // position
  std::string error_map;
  // knn
  std::string feature = "both";
  int64_t max_train_images = KnnProtocolOptions().max_train_images;
  KnnOptions knn;
};

// Shared by both protocols.
struct Setup {
  TrainedModel trained;
  models::Datasets data;
  std::unique_ptr<SpreadDataset> held_out;  // null: nothing is held out
  graph::CompileOptions compile;
  DeviceChoice device;
  PrecisionChoice precision;
  models::RunLog::Screen screen = models::RunLog::ScreenOf(Screen(), STDOUT_FILENO);
  models::RunLog log{screen};
  int64_t skipped = 0;  // undecodable images

  models::LoaderOptions LoadOptions(int num_workers) {
    models::LoaderOptions load;
    load.transform = trained.resolved.transform;
    load.num_workers = num_workers;
    load.max_bad_share = trained.resolved.flags.max_bad_share.value();  // which its data satisfied
    load.on_bad_image = [this](const std::string& message) {
      ++skipped;
      log.Line("skipped an image: " + message);
    };
    return load;
  }
};

struct Measured {
  std::string what;  // "positions of 2000 held-out images"
  nlohmann::ordered_json json;
};

absl::Status Load(const Setup& setup, const std::vector<models::Parameter>& parameters,
                  graph::Workspace* workspace) {
  ASSIGN_OR_RETURN(const std::string loaded,
                   models::LoadParameters(setup.trained.path, parameters,
                                          {{}, /*subset=*/true, /*brief=*/true}, workspace));
  std::string data = "data   ";
  models::AppendWrapped(setup.data.description, 7, models::TextColumns(STDOUT_FILENO), &data);
  std::cout << "model  " << ModelLine(setup.trained) << "\n       " << loaded << "\n"
            << data << "in     " << setup.precision.Text() << "\n"
            << setup.device.Line() << std::flush;
  return absl::OkStatus();
}

absl::StatusOr<Measured> EvaluatePosition(const Flags& flags, Setup* setup,
                                          StagedOutput* error_map) {
  const models::ZooEntry& entry = setup->trained.entry();
  if (setup->held_out == nullptr) {
    return graph::InvalidArgument("no images are held out (", setup->data.description,
                                  "); --val_fraction holds some out");
  }
  graph::Workspace workspace(setup->compile.backend->device);
  ASSIGN_OR_RETURN(const std::unique_ptr<PositionProtocol> protocol,
                   PositionProtocol::Create(entry, AllRatios(entry), setup->compile,
                                            flags.common.batch_size, &workspace));
  RETURN_IF_ERROR(Load(*setup, protocol->parameters(), &workspace));
  models::LoaderOptions load = setup->LoadOptions(flags.common.num_workers);
  load.mode = models::LoaderMode::kEvaluate;
  load.batch_size = flags.common.batch_size;
  load.input_height = entry.model.input_h;
  load.input_width = entry.model.input_w;
  const int64_t seed = flags.seed.value_or(setup->trained.resolved.flags.seed.value_or(0));
  load.seed = static_cast<uint64_t>(seed);
  ASSIGN_OR_RETURN(const std::unique_ptr<models::Loader> loader,
                   models::Loader::Create(setup->held_out.get(), std::move(load)));
  auto progress =
      std::make_unique<ImageProgress>(&setup->log, setup->screen, setup->held_out->size());
  ASSIGN_OR_RETURN(
      const PositionReport report,
      protocol->Run(loader.get(), [&progress](int64_t images) { progress->Done(images); }));
  progress.reset();

  const int columns = models::TextColumns(STDOUT_FILENO);
  std::cout << "images " << report.images << " held out, masks of seed " << seed << "\n\n"
            << PositionTable(report, columns);
  const PositionResult* recipe = report.recipe();
  if (recipe != nullptr && recipe->scores.scored > 0) {
    std::cout << "\n" << ErrorTable(*recipe, report.grid, columns);
    if (error_map != nullptr) {
      const std::string conditions =
          absl::StrFormat("mask ratio %g, pos ratio %g, %d images", recipe->ratios.mask_ratio,
                          recipe->ratios.pos_mask_ratio, report.images);
      ASSIGN_OR_RETURN(
          const models::Image map,
          DrawErrorMap(recipe->scores, report.grid, ModelLine(setup->trained), conditions));
      RETURN_IF_ERROR(
          error_map->Write([&](const std::string& path) { return models::WritePng(path, map); }));
      std::cout << "wrote  " << error_map->path() << "\n";
    }
  } else if (error_map != nullptr) {
    std::cout << "no --error_map: nothing was scored at the run's ratios\n";
  }
  Measured measured{
      absl::StrCat("positions of ", graph::Counted(report.images, "held-out image")),
      PositionJson(report)};
  measured.json["seed"] = seed;
  return measured;
}

absl::StatusOr<Measured> EvaluateKnn(const Flags& flags, Setup* setup) {
  RETURN_IF_ERROR(CheckLabels(*setup->data.train, setup->held_out.get()));
  KnnProtocolOptions options;
  options.knn = flags.knn;
  options.knn.threads = flags.common.threads;
  options.cls = flags.feature != "mean";
  options.mean = flags.feature != "cls";
  options.max_train_images = flags.max_train_images;
  options.load = setup->LoadOptions(flags.common.num_workers);
  std::unique_ptr<ImageProgress> progress;
  options.on_images = [&progress](int64_t images) { progress->Done(images); };
  graph::Workspace workspace(setup->compile.backend->device);
  ASSIGN_OR_RETURN(const std::unique_ptr<KnnProtocol> protocol,
                   KnnProtocol::Create(setup->trained.entry().model, options, setup->compile,
                                       flags.common.batch_size, &workspace));
  RETURN_IF_ERROR(Load(*setup, protocol->parameters(), &workspace));
  const int64_t train_images = SpreadDataset(setup->data.train.get(), flags.max_train_images).size();
  progress = std::make_unique<ImageProgress>(&setup->log, setup->screen,
                                             train_images + setup->held_out->size());
  ASSIGN_OR_RETURN(const KnnReport report, protocol->Run(*setup->data.train, *setup->held_out));
  progress.reset();
  std::cout << KnnText(report);
  return Measured{
      absl::StrCat("classes of ", graph::Counted(report.held_out_images, "held-out image"),
                   " by ", graph::Counted(report.train_images, "training image")),
      KnnJson(report)};
}

// Null if the flag is not given.
absl::StatusOr<std::unique_ptr<StagedOutput>> ChooseOutput(const std::string& flag,
                                                           const std::string& path) {
  if (path.empty()) return nullptr;
  ASSIGN_OR_RETURN(StagedOutput output,
                   StagedOutput::Choose(flag, models::ResolveUserPath(path),
                                        StagedOutput::Kind::kFile, /*overwrite=*/true));
  return std::make_unique<StagedOutput>(std::move(output));
}

absl::Status Evaluate(const Flags& flags) {
  const Clock::time_point started = Clock::now();
  if (!(flags.knn.temperature > 0) || !std::isfinite(flags.knn.temperature)) {
    return graph::InvalidArgument("--temperature=", flags.knn.temperature,
                                  " is not a finite number above 0");
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<StagedOutput> json_file,
                   ChooseOutput("--json", flags.json));
  if (!flags.error_map.empty()) RETURN_IF_ERROR(CheckPngName("--error_map", flags.error_map));
  ASSIGN_OR_RETURN(const std::unique_ptr<StagedOutput> error_map,
                   ChooseOutput("--error_map", flags.error_map));
  std::error_code ignored;
  if (json_file != nullptr && error_map != nullptr &&
      std::filesystem::weakly_canonical(json_file->path(), ignored) ==
          std::filesystem::weakly_canonical(error_map->path(), ignored)) {
    return graph::InvalidArgument("--json and --error_map are one file, ", json_file->path(),
                                  "; choose another for one of them");
  }
  Setup setup;
  ASSIGN_OR_RETURN(setup.trained, ReadTrainedModel(flags.common.checkpoint, MakeZoo()));
  for (const StagedOutput* output : {json_file.get(), error_map.get()}) {
    if (output == nullptr) continue;
    RETURN_IF_ERROR(CheckKeepsCheckpoint(
        setup.trained, output == json_file.get() ? "--json" : "--error_map", output->path()));
  }
  const bool position = flags.protocol == "position";
  if (position) RETURN_IF_ERROR(CheckPredictsPositions(setup.trained.entry()));
  ASSIGN_OR_RETURN(setup.data, OpenEvaluationData(setup.trained, flags.common));
  if (setup.data.held_out != nullptr) {
    setup.held_out =
        std::make_unique<SpreadDataset>(setup.data.held_out.get(), flags.common.max_images);
  }
  const graph::SchemaRegistry registry = MakeRegistry();
  ASSIGN_OR_RETURN(setup.device, ChooseDevice(flags.common.device, flags.common.threads));
  ASSIGN_OR_RETURN(const graph::Backend backend,
                   MakeBackend(setup.device, flags.common.threads));
  for (const std::string& note : ThreadNotes(flags.common.threads)) {
    std::cout << "note: " << note << "\n";
  }
  setup.precision = ChoosePrecision(flags.common.precision, backend.capabilities,
                                    /*has_pass=*/true, setup.device.device);
  if (!setup.precision.lacks.empty()) {
    std::cout << "note: " << setup.precision.lacks << ", so fp32 is used\n";
  }
  setup.compile = {&registry, &backend, {}};
  setup.compile.passes.precision = setup.precision.compute();
  ASSIGN_OR_RETURN(
      const Measured measured,
      position ? EvaluatePosition(flags, &setup, error_map.get()) : EvaluateKnn(flags, &setup));
  const auto done = [&](const std::string& where) {
    std::cout << "\n"
              << DoneLine(measured.what, SecondsSince(started), setup.precision.precision, where);
    return absl::OkStatus();
  };
  if (json_file == nullptr) return done("--json=FILE keeps the numbers");

  nlohmann::ordered_json json;
  json["protocol"] = flags.protocol;
  json["model"] = setup.trained.entry().name;
  json["checkpoint"] = setup.trained.path;
  if (setup.trained.step >= 0) json["step"] = setup.trained.step;
  json["data"] = setup.data.description;
  json["undecodable_images"] = setup.skipped;
  json["precision"] = setup.precision.precision;
  json.update(measured.json);
  const std::string text = json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
  RETURN_IF_ERROR(
      json_file->Write([&](const std::string& path) { return WriteBytes(path, text + "\n"); }));
  return done("the numbers are in " + json_file->path());
}

// Refuses flags that only the other protocol reads.
absl::Status CheckOwnFlags(const CLI::App& app, const std::string& protocol) {
  for (const CLI::Option* option : app.get_options()) {
    const std::string& group = option->get_group();
    if (option->count() == 0 || (group != kPosition && group != kKnn)) continue;
    if (group == std::string(kProtocol) + protocol) continue;
    return graph::InvalidArgument(option->get_name(), " is for ", group, ", not for ", kProtocol,
                                  protocol, "; leave it out");
  }
  return absl::OkStatus();
}

absl::StatusOr<int> Main(int argc, char** argv) {
  Flags flags;
  const MachineDefaults machine = DetectMachine();
  flags.common.threads = machine.threads;
  flags.common.num_workers = machine.num_workers;
  CLI::App app("Says what a trained model knows.");
  app.add_option("--protocol", flags.protocol,
                 "position: puts patches back; knn: finds images of the same class")
      ->check(CLI::IsMember({"position", "knn"}));
  AddEvaluationFlags(&app, &flags.common);
  app.add_option_function<int64_t>(
         "--seed", [&flags](const int64_t& seed) { flags.seed = seed; },
         "of the masks (default: the run's)")
      ->type_name("N")
      ->group(kPosition);
  app.add_option("--json", flags.json, "also write the numbers to this file, replacing it")
      ->type_name("FILE");
  app.add_option("--error_map", flags.error_map, "a picture of where it errs, at the run's ratios")
      ->type_name("FILE.png")
      ->group(kPosition);
  app.add_option("--feature", flags.feature, "class token, mean of the patches, or both")
      ->group(kKnn)
      ->check(CLI::IsMember({"cls", "mean", "both"}))
      ->capture_default_str();
  app.add_option("--max_train_images", flags.max_train_images,
                 "use so many training images, spread over the data; 0: all")
      ->group(kKnn)
      ->check(AtLeast(0))
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--k", flags.knn.k, "neighbours")
      ->group(kKnn)
      ->check(Between(1, 1'000'000))
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--temperature", flags.knn.temperature,
                 "a neighbour's vote is exp(similarity / temperature)")
      ->group(kKnn)
      ->type_name("T")
      ->capture_default_str();
  ASSIGN_OR_RETURN(const bool proceed, ParseCommandLine("evaluate", argc, argv, &app));
  if (!proceed) return 0;
  if (flags.protocol.empty()) {
    return graph::InvalidArgument(
        "--protocol is missing; --protocol=position measures how well a model puts patches back, ",
        "--protocol=knn whether images of one class look alike to it");
  }
  RETURN_IF_ERROR(CheckOwnFlags(app, flags.protocol));
  RETURN_IF_ERROR(Evaluate(flags));
  return 0;
}

}  // namespace
}  // namespace tools

int main(int argc, char** argv) { return tools::RunProgram("evaluate", argc, argv, tools::Main); }
