// --protocol=position.
#include <unistd.h>

#include <cstdint>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_format.h"
#include "absl/types/optional.h"
#include "graph/base/counted.h"
#include "graph/base/status.h"
#include "models/data/image_io.h"
#include "models/training/screen_text.h"
#include "tools/evaluation/image_progress.h"
#include "tools/evaluation/position_report.h"
#include "tools/evaluation/protocol.h"
#include "tools/flags/command_line.h"

namespace tools {
namespace {

constexpr char kErrorMap[] = "--error_map";

class EvaluatePosition : public Protocol {
 public:
  std::string name() const override { return "position"; }
  std::string summary() const override { return "puts patches back"; }

  void AddFlags(CLI::App* app) override {
    app->add_option_function<int64_t>(
           "--seed", [this](const int64_t& seed) { seed_ = seed; },
           "of the masks (default: the run's)")
        ->type_name("N")
        ->group(Group(name()));
    app->add_option(kErrorMap, error_map_, "a picture of where it errs, at the run's ratios")
        ->type_name("FILE.png")
        ->group(Group(name()));
  }

  std::map<std::string, std::string> Outputs() const override { return {{kErrorMap, error_map_}}; }
  absl::Status CheckFlags() const override {
    return error_map_.empty() ? absl::OkStatus() : CheckPngName(kErrorMap, error_map_);
  }
  absl::Status CheckModel(const TrainedModel& trained) const override {
    return CheckPredictsPositions(trained.entry());
  }

  absl::StatusOr<Measured> Run(Evaluation* evaluation) override {
    RETURN_IF_ERROR(evaluation->NeedHeldOut());
    const models::ZooEntry& entry = evaluation->trained.entry();
    const int batch_size = evaluation->flags.batch_size;
    graph::Workspace workspace(evaluation->compile.backend->device);
    ASSIGN_OR_RETURN(const std::unique_ptr<PositionProtocol> protocol,
                     PositionProtocol::Create(entry, AllRatios(entry), evaluation->compile,
                                              batch_size, &workspace));
    RETURN_IF_ERROR(evaluation->Load(protocol->parameters(), &workspace));
    models::LoaderOptions load = evaluation->LoadOptions();
    load.mode = models::LoaderMode::kEvaluate;
    load.batch_size = batch_size;
    load.input_height = entry.model.input_h;
    load.input_width = entry.model.input_w;
    const int64_t seed = seed_.value_or(evaluation->trained.resolved.flags.seed.value_or(0));
    load.seed = static_cast<uint64_t>(seed);
    ASSIGN_OR_RETURN(const std::unique_ptr<models::Loader> loader,
                     models::Loader::Create(evaluation->held_out.get(), std::move(load)));
    auto progress = std::make_unique<ImageProgress>(&evaluation->log, evaluation->screen,
                                                    evaluation->held_out->size());
    ASSIGN_OR_RETURN(
        const PositionReport report,
        protocol->Run(loader.get(), [&progress](int64_t images) { progress->Done(images); }));
    progress.reset();

    const int columns = models::TextColumns(STDOUT_FILENO);
    std::cout << "images " << report.images << " held out, masks of seed " << seed << "\n\n"
              << PositionTable(report, columns);
    RETURN_IF_ERROR(ShowErrors(report, columns, *evaluation));
    Measured measured{
        absl::StrCat("positions of ", graph::Counted(report.images, "held-out image")),
        PositionJson(report)};
    measured.json["seed"] = seed;
    return measured;
  }

 private:
  static absl::Status ShowErrors(const PositionReport& report, int columns,
                                 const Evaluation& evaluation) {
    StagedOutput* const error_map = evaluation.output(kErrorMap);
    const PositionResult* recipe = report.recipe();
    if (recipe == nullptr || recipe->scores.scored == 0) {
      if (error_map != nullptr) {
        std::cout << "no --error_map: nothing was scored at the run's ratios\n";
      }
      return absl::OkStatus();
    }
    std::cout << "\n" << ErrorTable(*recipe, report.grid, columns);
    if (error_map == nullptr) return absl::OkStatus();
    const std::string conditions =
        absl::StrFormat("mask ratio %g, pos ratio %g, %d images", recipe->ratios.mask_ratio,
                        recipe->ratios.pos_mask_ratio, report.images);
    ASSIGN_OR_RETURN(
        const models::Image map,
        DrawErrorMap(recipe->scores, report.grid, ModelLine(evaluation.trained), conditions));
    RETURN_IF_ERROR(
        error_map->Write([&](const std::string& path) { return models::WritePng(path, map); }));
    std::cout << "wrote  " << error_map->path() << "\n";
    return absl::OkStatus();
  }

  absl::optional<int64_t> seed_;  // unset: the run's
  std::string error_map_;
};

}  // namespace

std::unique_ptr<Protocol> MakePositionProtocol() { return std::make_unique<EvaluatePosition>(); }

}  // namespace tools
