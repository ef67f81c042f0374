// Draws where a trained model puts the patches of images:
//
//   bazel run //tools:predict_positions -- --checkpoint=runs/a/checkpoint.safetensors
//       --image=cat.jpg --image=dog.png --out=positions.png
//
// Without --image, uses the run's own held-out images. Prints one line per image on standard
// output; finds all errors before the file is written.
#include <cstdint>
#include <filesystem>
#include <functional>
#include <iostream>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"
#include "graph/base/random.h"
#include "graph/base/status.h"
#include "models/data/image_folder.h"
#include "models/data/image_io.h"
#include "models/data/open_dataset.h"
#include "models/training/checkpoint.h"
#include "models/training/output_dir.h"
#include "tools/checkpoint/trained_model.h"
#include "tools/cpus.h"
#include "tools/device.h"
#include "tools/evaluation/position_protocol.h"
#include "tools/flags/command_line.h"
#include "tools/output/staged_output.h"
#include "tools/plugins.h"
#include "tools/program.h"
#include "tools/vis/position_visualizer.h"

namespace tools {
namespace {

namespace fs = std::filesystem;

struct Flags {
  CheckpointFlags checkpoint;
  std::vector<std::string> images;
  int num_images = 4;
  std::string out;
  bool overwrite = false;
  std::optional<double> mask_ratio, pos_mask_ratio;
  std::optional<int64_t> seed;
  absl::optional<double> max_image_megapixels;  // unset: the run's
  std::string device = "cpu";
  int threads = DetectCpus().usable();
};

absl::StatusOr<StagedOutput> ChooseOutput(const Flags& flags) {
  RETURN_IF_ERROR(CheckPngName("--out", flags.out));
  return StagedOutput::Choose("--out", models::ResolveUserPath(flags.out),
                              StagedOutput::Kind::kFile, flags.overwrite);
}

using OnSkipped = std::function<void(const std::string& message)>;

absl::Status AddFolder(const std::string& folder, int num_images,
                       const models::PictureLimits& limits, const OnSkipped& on_skipped,
                       std::vector<PictureToAsk>* pictures) {
  ASSIGN_OR_RETURN(models::FolderListing listing, models::ListPictures(folder, ""));
  std::vector<models::ImageFolderDataset::Item> items;
  for (std::string& path : listing.paths) items.push_back({std::move(path), -1});
  if (items.empty()) return graph::InvalidArgument("--image=", folder, ": no pictures in it");
  const models::ImageFolderDataset data(folder, std::move(items), 0, folder, limits);
  ASSIGN_OR_RETURN(std::vector<PictureToAsk> chosen, ChoosePictures(data, num_images, on_skipped));
  std::move(chosen.begin(), chosen.end(), std::back_inserter(*pictures));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<PictureToAsk>> FindPictures(const Flags& flags,
                                                       const TrainedModel& trained,
                                                       const OnSkipped& on_skipped) {
  const TrainFlags& run = trained.resolved.flags;
  const models::PictureLimits limits = models::LimitsOfMegapixels(
      flags.max_image_megapixels.value_or(run.max_image_megapixels.value()),
      ChannelsOfPictures(trained.resolved));
  std::vector<PictureToAsk> pictures;
  for (const std::string& image : flags.images) {
    const std::string path = models::ResolveUserPath(image);
    std::error_code error;
    if (fs::is_directory(path, error)) {
      RETURN_IF_ERROR(AddFolder(path, flags.num_images, limits, on_skipped, &pictures));
      continue;
    }
    const std::string name = fs::path(path).filename().string();
    ASSIGN_OR_RETURN(models::Image decoded, models::ReadImage(path, limits));
    pictures.push_back({name, graph::HashName(name), std::move(decoded)});
  }
  if (!pictures.empty()) return pictures;

  if (run.data_path == "-") {
    return graph::InvalidArgument(
        "the run read its images from standard input; give some with --image=FILE");
  }
  models::OpenOptions open;
  open.data_path = run.data_path.value_or("");
  open.input_height = trained.entry().model.input_h;
  open.input_width = trained.entry().model.input_w;
  open.val_fraction = run.val_fraction.value();
  open.limits = limits;
  absl::StatusOr<models::Datasets> data = models::OpenDatasets(open);
  if (!data.ok()) {
    // This tool has no --data_path.
    return absl::Status(data.status().code(), absl::StrCat("the run's data ", open.data_path,
                                                           " cannot be read; give --image=FILE"));
  }
  if (data->held_out == nullptr) {
    return graph::InvalidArgument("the run has held no images out; name some with --image=FILE");
  }
  return ChoosePictures(*data->held_out, flags.num_images, on_skipped);
}

absl::Status Predict(const Flags& flags) {
  ASSIGN_OR_RETURN(const TrainedModel trained, ReadTrainedModel(flags.checkpoint, MakeZoo()));
  RETURN_IF_ERROR(CheckPredictsPositions(trained.entry()));
  PositionRatios ratios = RecipeRatios(trained.entry()).front();
  ratios.mask_ratio = flags.mask_ratio.value_or(ratios.mask_ratio);
  ratios.pos_mask_ratio = flags.pos_mask_ratio.value_or(ratios.pos_mask_ratio);
  const models::ZooEntry entry = AtRatios(trained.entry(), ratios);
  ASSIGN_OR_RETURN(StagedOutput out, ChooseOutput(flags));
  RETURN_IF_ERROR(CheckKeepsCheckpoint(trained, "--out", out.path()));
  // Printed once something can be drawn: an error names the last one itself.
  std::vector<std::string> skipped;
  ASSIGN_OR_RETURN(std::vector<PictureToAsk> pictures,
                   FindPictures(flags, trained, [&skipped](const std::string& message) {
                     skipped.push_back(message);
                   }));
  for (const std::string& message : skipped) {
    std::cout << "skipped an image: " << message << std::endl;
  }

  const graph::SchemaRegistry registry = MakeRegistry();
  ASSIGN_OR_RETURN(const DeviceChoice device, ChooseDevice(flags.device, flags.threads));
  ASSIGN_OR_RETURN(const graph::Backend backend, MakeBackend(device, flags.threads));
  std::cout << device.Line() << std::flush;
  const graph::CompileOptions compile = {&registry, &backend, {}};
  graph::Workspace workspace(backend.device);
  const int64_t seed = flags.seed.value_or(trained.resolved.flags.seed.value());
  ASSIGN_OR_RETURN(
      const std::unique_ptr<PositionVisualizer> visualizer,
      PositionVisualizer::Create(entry, compile, &workspace, std::move(pictures),
                                 static_cast<uint64_t>(seed), trained.resolved.transform));
  RETURN_IF_ERROR(models::LoadParameters(trained.path, visualizer->parameters(),
                                         {{}, /*subset=*/true, /*brief=*/true}, &workspace)
                      .status());

  ASSIGN_OR_RETURN(const std::vector<PositionAnswers> answers, visualizer->Answers());
  const std::string title =
      trained.step < 0 ? entry.name : absl::StrCat(entry.name, ", step ", trained.step);
  ASSIGN_OR_RETURN(const models::Image sheet, visualizer->Draw(title, answers));
  RETURN_IF_ERROR(
      out.Write([&](const std::string& path) { return models::WritePng(path, sheet); }));
  for (const PositionAnswers& one : answers) std::cout << one.name << ": " << one.Summary() << "\n";
  std::cout << "wrote " << out.path() << std::endl;
  return absl::OkStatus();
}

absl::StatusOr<int> Main(int argc, char** argv) {
  Flags flags;
  CLI::App app("Draws where a trained model puts the patches of images.");
  AddCheckpointFlags(&app, &flags.checkpoint);
  app.add_option("--image", flags.images,
                 "JPEG or PNG file, or a folder of them; may be repeated (default: images that "
                 "the run held out)")
      ->type_name("FILE");
  app.add_option("--num_images", flags.num_images, "images of a folder or of the run's data")
      ->check(Between(1, 1000))
      ->capture_default_str();
  app.add_option("--out", flags.out, "the picture to write, a .png file")
      ->required()
      ->type_name("FILE");
  app.add_flag("--overwrite", flags.overwrite, "replace --out where it exists");
  app.add_option("--mask_ratio", flags.mask_ratio, "share of hidden patches (default: the run's)");
  app.add_option("--pos_mask_ratio", flags.pos_mask_ratio,
                 "share of visible patches without position (default: the run's)");
  app.add_option("--seed", flags.seed, "chooses the masks (default: the run's)");
  AddMaxImageMegapixels(&app, "the run's", &flags.max_image_megapixels);
  AddDevice(&app, /*reference=*/false, &flags.device);
  app.add_option("--threads", flags.threads, "threads")
      ->check(Between(1, 1024))
      ->capture_default_str();
  ASSIGN_OR_RETURN(const bool proceed, ParseCommandLine("predict_positions", argc, argv, &app));
  if (!proceed) return 0;
  RETURN_IF_ERROR(Predict(flags));
  return 0;
}

}  // namespace
}  // namespace tools

int main(int argc, char** argv) {
  return tools::RunProgram("predict_positions", argc, argv, tools::Main);
}
