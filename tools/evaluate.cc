// Says what a trained model knows:
//
//   bazel run //tools:evaluate -- --protocol=position --checkpoint=FILE
//       [--data_path=DIR] [--json=FILE] [--error_map=FILE.png]
//   bazel run //tools:evaluate -- --protocol=knn --checkpoint=FILE
//       [--data_path=DIR] [--feature=cls|mean|both] [--max_train_images=N] [--json=FILE]
//
// position: how well held-out patches are put back, with several shares of hidden
// patches and dropped positions. knn: whether held-out images lie near training images of
// their class. The data are the run's own where none are named. docs/evaluation.md
// explains the numbers.
#include <iostream>
#include <memory>
#include <string>

#include "CLI/CLI.hpp"
#include "absl/strings/str_format.h"
#include "graph/base/status.h"
#include "models/data/image_io.h"
#include "models/training/checkpoint.h"
#include "models/training/output_dir.h"
#include "nlohmann/json.hpp"
#include "tools/evaluation/evaluation_flags.h"
#include "tools/evaluation/knn_protocol.h"
#include "tools/evaluation/position_report.h"
#include "tools/evaluation/spread_dataset.h"
#include "tools/machine.h"
#include "tools/plugins.h"
#include "tools/short_spins.h"

namespace tools {
namespace {

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

// What both protocols work on.
struct Setup {
  TrainedModel trained;
  models::Datasets data;
  std::unique_ptr<SpreadDataset> held_out;  // null: nothing is held out
  graph::CompileOptions compile;
  int64_t skipped = 0;  // undecodable images

  std::function<void(const std::string&)> OnBadImage() {
    return [this](const std::string& message) {
      ++skipped;
      std::cout << "skipped an image: " << message << std::endl;
    };
  }
};

absl::Status Load(const Setup& setup, const std::vector<models::Parameter>& parameters,
                  graph::Workspace* workspace) {
  ASSIGN_OR_RETURN(const std::string loaded,
                   models::LoadParameters(setup.trained.path, parameters,
                                          {{}, /*subset=*/true, /*brief=*/true}, workspace));
  std::cout << "model  " << ModelLine(setup.trained) << "\n       " << loaded << "\n"
            << "data   " << setup.data.description << std::endl;
  return absl::OkStatus();
}

absl::StatusOr<nlohmann::ordered_json> EvaluatePosition(const Flags& flags, Setup* setup) {
  const models::ZooEntry& entry = setup->trained.entry();
  if (setup->held_out == nullptr) {
    return graph::InvalidArgument("no images are held out (", setup->data.description,
                                  "); --val_fraction holds some out");
  }
  graph::Workspace workspace;
  ASSIGN_OR_RETURN(const std::unique_ptr<PositionProtocol> protocol,
                   PositionProtocol::Create(entry.model, entry.droppos, AllRatios(entry.droppos),
                                            setup->compile, flags.common.batch_size, &workspace));
  RETURN_IF_ERROR(Load(*setup, protocol->parameters(), &workspace));
  models::LoaderOptions load;
  load.mode = models::LoaderMode::kEvaluate;
  load.batch_size = flags.common.batch_size;
  load.input_height = entry.model.input_h;
  load.input_width = entry.model.input_w;
  const int64_t seed = flags.seed.value_or(setup->trained.resolved.flags.seed.value_or(0));
  load.seed = static_cast<uint64_t>(seed);
  load.num_workers = flags.common.num_workers;
  load.on_bad_image = setup->OnBadImage();
  ASSIGN_OR_RETURN(const std::unique_ptr<models::Loader> loader,
                   models::Loader::Create(setup->held_out.get(), std::move(load)));
  ASSIGN_OR_RETURN(const PositionReport report, protocol->Run(loader.get()));

  std::cout << "images " << report.images << " held out, masks of seed " << seed << "\n\n"
            << PositionTable(report);
  const PositionResult* recipe = report.recipe();
  if (recipe != nullptr && recipe->scores.scored > 0) {
    if (report.grid.w <= 32) {
      std::cout << absl::StrFormat(
                       "\nWrong answers by true cell in percent (mask ratio %g, pos ratio %g):\n",
                       recipe->ratios.mask_ratio, recipe->ratios.pos_mask_ratio)
                << ErrorGrid(recipe->scores, report.grid);
    }
    if (!flags.error_map.empty()) {
      const int side = std::max(4, 448 / std::max(report.grid.h, report.grid.w));
      RETURN_IF_ERROR(
          models::WritePng(flags.error_map, ErrorMap(recipe->scores, report.grid, side)));
      std::cout << "wrote  " << flags.error_map << "\n";
    }
  }
  nlohmann::ordered_json json = PositionJson(report);
  json["seed"] = seed;
  return json;
}

absl::StatusOr<nlohmann::ordered_json> EvaluateKnn(const Flags& flags, Setup* setup) {
  RETURN_IF_ERROR(CheckLabels(*setup->data.train, setup->held_out.get()));
  KnnProtocolOptions options;
  options.knn = flags.knn;
  options.knn.threads = flags.common.threads;
  options.cls = flags.feature != "mean";
  options.mean = flags.feature != "cls";
  options.max_train_images = flags.max_train_images;
  options.num_workers = flags.common.num_workers;
  options.on_bad_image = setup->OnBadImage();
  graph::Workspace workspace;
  ASSIGN_OR_RETURN(const std::unique_ptr<KnnProtocol> protocol,
                   KnnProtocol::Create(setup->trained.entry().model, options, setup->compile,
                                       flags.common.batch_size, &workspace));
  RETURN_IF_ERROR(Load(*setup, protocol->parameters(), &workspace));
  ASSIGN_OR_RETURN(const KnnReport report, protocol->Run(*setup->data.train, *setup->held_out));
  std::cout << KnnText(report);
  return KnnJson(report);
}

absl::Status Evaluate(Flags flags) {
  flags.json = models::ResolveUserPath(flags.json);
  flags.error_map = models::ResolveUserPath(flags.error_map);
  if (!flags.json.empty()) RETURN_IF_ERROR(CheckOutputFile("--json", flags.json, true));
  if (!flags.error_map.empty()) {
    RETURN_IF_ERROR(CheckOutputFile("--error_map", flags.error_map, true));
  }
  const models::Zoo zoo = MakeZoo();
  Setup setup;
  ASSIGN_OR_RETURN(setup.trained, ReadTrainedModel(flags.common.checkpoint, zoo));
  const bool position = flags.protocol == "position";
  if (position) RETURN_IF_ERROR(CheckPredictsPositions(setup.trained.entry()));
  ASSIGN_OR_RETURN(setup.data, OpenEvaluationData(setup.trained, flags.common));
  if (setup.data.held_out != nullptr) {
    const int64_t most = flags.common.max_images;
    setup.held_out = std::make_unique<SpreadDataset>(setup.data.held_out.get(),
                                                     most > 0 ? most : setup.data.held_out->size());
  }
  const graph::SchemaRegistry registry = MakeRegistry();
  const graph::Backend backend = MakeCpuBackend(flags.common.threads);
  setup.compile.registry = &registry;
  setup.compile.backend = &backend;
  setup.compile.threads = flags.common.threads;
  ASSIGN_OR_RETURN(const nlohmann::ordered_json result,
                   position ? EvaluatePosition(flags, &setup) : EvaluateKnn(flags, &setup));
  if (flags.json.empty()) return absl::OkStatus();

  nlohmann::ordered_json json;
  json["protocol"] = flags.protocol;
  json["model"] = setup.trained.entry().name;
  json["checkpoint"] = setup.trained.path;
  if (setup.trained.step >= 0) json["step"] = setup.trained.step;
  json["data"] = setup.data.description;
  json["undecodable_images"] = setup.skipped;
  json.update(result);
  RETURN_IF_ERROR(WriteText(
      flags.json, json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n"));
  std::cout << "wrote  " << flags.json << "\n";
  return absl::OkStatus();
}

absl::Status Main(int argc, char** argv) {
  Flags flags;
  const MachineDefaults machine = DetectMachine();
  flags.common.threads = machine.threads;
  flags.common.num_workers = machine.num_workers;
  CLI::App app("Says what a trained model knows.");
  app.add_option("--protocol", flags.protocol,
                 "position: puts patches back; knn: finds images of the same class")
      ->required()
      ->check(CLI::IsMember({"position", "knn"}));
  AddEvaluationFlags(&app, &flags.common);
  app.add_option_function<int64_t>(
         "--seed", [&flags](const int64_t& seed) { flags.seed = seed; },
         "position: of the masks (default: the run's)")
      ->type_name("N");
  app.add_option("--json", flags.json, "also write the numbers to this file, replacing it")
      ->type_name("FILE");
  app.add_option("--error_map", flags.error_map,
                 "position: a picture of where it errs, at the run's ratios")
      ->type_name("FILE.png");
  app.add_option("--feature", flags.feature, "knn: class token, mean of the patches, or both")
      ->check(CLI::IsMember({"cls", "mean", "both"}))
      ->capture_default_str();
  app.add_option("--max_train_images", flags.max_train_images,
                 "knn: use so many training images, spread over the data; 0: all")
      ->check(CLI::NonNegativeNumber)
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--k", flags.knn.k, "knn: neighbours")
      ->check(CLI::Range(1, 1'000'000))
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--temperature", flags.knn.temperature,
                 "knn: a neighbour's vote is exp(similarity / temperature)")
      ->check(CLI::PositiveNumber)
      ->type_name("T")
      ->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp& e) {
    app.exit(e);
    return absl::OkStatus();
  } catch (const CLI::ParseError& e) {
    return absl::InvalidArgumentError(e.what());
  }
  return Evaluate(std::move(flags));
}

}  // namespace
}  // namespace tools

int main(int argc, char** argv) {
  tools::UseShortSpins(argv);
  const absl::Status status = tools::Main(argc, argv);
  if (status.ok()) return 0;
  std::cerr << "evaluate: " << status.message() << std::endl;
  return 1;
}
