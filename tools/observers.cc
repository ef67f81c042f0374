#include "tools/observers.h"

#include <filesystem>
#include <utility>

#include "absl/strings/str_format.h"
#include "graph/base/status.h"
#include "models/data/loader.h"
#include "tools/run_options.h"

namespace tools {
namespace {

absl::StatusOr<std::unique_ptr<models::Loader>> HeldOutLoader(const ResolvedFlags& resolved,
                                                              const models::Dataset& held_out,
                                                              const std::atomic<bool>* stop) {
  models::LoaderOptions options = MakeLoaderOptions(resolved);
  options.mode = models::LoaderMode::kEvaluate;
  options.stop = stop;
  return models::Loader::Create(&held_out, options);
}

bool HasLabels(const models::Dataset& data) {
  for (int64_t i = 0; i < data.size(); ++i) {
    if (data.label(i) >= 0) return true;
  }
  return false;
}

// What the flags ask for and can be had.
struct Wanted {
  bool positions = false, knn = false, pictures = false;
  std::vector<std::string> notes;  // on what cannot
};

absl::StatusOr<Wanted> WhatIsWanted(const ResolvedFlags& resolved, const models::Datasets& data) {
  const models::ZooEntry& entry = resolved.entry;
  Wanted wanted;
  wanted.pictures = resolved.flags.vis_every.value_or(0) > 0;
  const bool predicts = CheckPredictsPositions(entry).ok();
  if (wanted.pictures && !predicts) {
    return graph::InvalidArgument(
        "--vis_every draws where a model puts patches, but --model=", NameAndMethod(entry),
        " predicts no positions; leave the flag out");
  }
  const bool numbers = resolved.flags.eval_every.value_or(0) > 0;
  if (data.held_out == nullptr) {
    if (numbers) {
      wanted.notes.push_back("--eval_every has no effect: no images are held out");
    }
    if (!wanted.pictures) return wanted;
    return graph::InvalidArgument(
        "--vis_every draws held-out images, and there are none; raise --val_fraction");
  }
  wanted.positions = numbers && predicts;
  if (numbers && !entry.needs.labels) {  // one that learns them says its accuracy itself
    const bool train = HasLabels(*data.train), held_out = HasLabels(*data.held_out);
    wanted.knn = train && held_out;
    if (!wanted.knn) {
      wanted.notes.push_back(absl::StrCat("no kNN at --eval_every: the ",
                                          train ? "held-out" : "training",
                                          " images have no labels"));
    }
  }
  return wanted;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Observers>> Observers::Create(
    const ResolvedFlags& resolved, const models::Datasets& data,
    const graph::CompileOptions& compile, models::Session* session, const std::string& folder,
    std::vector<std::string>* notes, const std::atomic<bool>* stop) {
  std::unique_ptr<Observers> o(new Observers());
  o->folder_ = folder;
  const models::ZooEntry& entry = resolved.entry;
  ASSIGN_OR_RETURN(const Wanted wanted, WhatIsWanted(resolved, data));
  notes->insert(notes->end(), wanted.notes.begin(), wanted.notes.end());
  const int batch = resolved.step.micro_batch;
  graph::Workspace* workspace = session->workspace();
  if (wanted.positions) {
    ASSIGN_OR_RETURN(o->positions_, PositionProtocol::Create(entry, RecipeRatios(entry), compile,
                                                             batch, workspace, session->inputs()));
    ASSIGN_OR_RETURN(o->loader_, HeldOutLoader(resolved, *data.held_out, stop));
  }
  if (wanted.knn) {
    o->train_ = data.train.get();
    o->knn_held_out_ = std::make_unique<SpreadDataset>(data.held_out.get(), kKnnHeldOutImages);
    KnnProtocolOptions options;
    options.max_train_images = kKnnTrainImages;
    options.load.transform = resolved.transform;
    options.load.num_workers = static_cast<int>(resolved.flags.num_workers.value());
    options.load.max_bad_share = resolved.flags.max_bad_share.value();
    options.load.stop = stop;
    options.knn.threads = compile.backend->device->threads();
    ASSIGN_OR_RETURN(o->knn_, KnnProtocol::Create(entry.model, options, compile, batch, workspace,
                                                  session->inputs()));
  }
  if (wanted.pictures) {
    ASSIGN_OR_RETURN(std::vector<PictureToAsk> images,
                     ChoosePictures(*data.held_out, kSheetImages));
    ASSIGN_OR_RETURN(
        o->visualizer_,
        PositionVisualizer::Create(entry, compile, workspace, std::move(images), resolved.step.seed,
                                   resolved.transform, session->inputs()));
  }
  return o;
}

absl::StatusOr<std::vector<graph::Net>> Observers::Nets(const ResolvedFlags& resolved,
                                                        const models::Datasets& data,
                                                        const graph::SchemaRegistry& registry,
                                                        int batch_size) {
  const models::ZooEntry& entry = resolved.entry;
  ASSIGN_OR_RETURN(const Wanted wanted, WhatIsWanted(resolved, data));
  std::vector<graph::Net> nets;
  if (wanted.positions) {
    ASSIGN_OR_RETURN(nets,
                     PositionProtocol::Nets(entry, RecipeRatios(entry), registry, batch_size));
  }
  if (wanted.knn) {
    ASSIGN_OR_RETURN(graph::Net net, FeatureExtractor::Net(entry.model, batch_size, registry));
    nets.push_back(std::move(net));
  }
  if (wanted.pictures) {
    ASSIGN_OR_RETURN(graph::Net net, PositionPredictor::Net(entry, kPictureBatch, registry));
    nets.push_back(std::move(net));
  }
  return nets;
}

absl::StatusOr<int> Observers::LoaderBatches(const ResolvedFlags& resolved,
                                             const models::Datasets& data) {
  ASSIGN_OR_RETURN(const Wanted wanted, WhatIsWanted(resolved, data));
  return models::kLoaderBatches * ((wanted.positions ? 1 : 0) + (wanted.knn ? 1 : 0));
}

absl::StatusOr<models::MetricList> Observers::Evaluate() {
  models::MetricList metrics;
  if (positions_ != nullptr) {
    ASSIGN_OR_RETURN(const PositionReport report, positions_->Run(loader_.get()));
    metrics = report.Metrics();
  }
  if (knn_ != nullptr) {
    ASSIGN_OR_RETURN(const KnnReport report, knn_->Run(*train_, *knn_held_out_));
    const models::MetricList knn = report.Metrics();
    metrics.insert(metrics.end(), knn.begin(), knn.end());
  }
  return metrics;
}

absl::StatusOr<models::Picture> Observers::Draw(int64_t step) {
  std::error_code error;
  std::filesystem::create_directory(folder_, error);
  if (error)
    return absl::UnknownError(absl::StrCat("cannot make ", folder_, ": ", error.message()));
  const std::string path =
      (std::filesystem::path(folder_) / absl::StrFormat("step_%07d.png", step)).string();
  RETURN_IF_ERROR(visualizer_->Write(absl::StrCat("step ", step), path));
  return models::Picture{path, "heldout/positions", visualizer_->Shows()};
}

}  // namespace tools
