// Draws what the net gets: training pictures after all augmentations, with what was drawn for each
// written below it.
//
//   bazel run //tools:show_batch -- --model=droppos_vitb --data_path=DIR --crop_scale=0.08,1
//       --aa=rand-m9-mstd0.5-inc1 --reprob=0.25 --out=batch.png
//
// The flags are those of //tools:train, or --flagfile=runs/X/flags.txt; the pictures are the first
// of an epoch, in the order in which that run sees them.
#include <algorithm>
#include <iostream>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "graph/base/counted.h"
#include "graph/base/status.h"
#include "models/data/augment.h"
#include "models/data/image_io.h"
#include "models/data/loader.h"
#include "models/data/open_dataset.h"
#include "models/training/output_dir.h"
#include "tools/flags/command_line.h"
#include "tools/flags/parse_flags.h"
#include "tools/flags/resolve_flags.h"
#include "tools/machine.h"
#include "tools/output/staged_output.h"
#include "tools/plugins.h"
#include "tools/program.h"
#include "tools/run_options.h"
#include "tools/vis/batch_sheet.h"

namespace tools {
namespace {

struct Flags {
  std::string out;
  int64_t images = 24;
  int64_t epoch = 0;
  bool overwrite = false;
  std::vector<std::string> train_args;
};

constexpr char kFooter[] =
    "\nAll flags of train are taken, too, and those that make input of pictures count: --model, "
    "--input_size, --data_path, --crop_scale, --crop_ratio, --flip, --aa, --reprob, --remode, "
    "--recount, --mean, --std, --seed, --flagfile=runs/X/flags.txt.\nSee docs/training.md.";

// Bytes again of what was normalised. Noise lies beyond black and white, and is cut off there.
models::Image Shown(const float* input, const models::LoaderOptions& load) {
  models::Image image = models::Image::Sized(load.input_width, load.input_height);
  const size_t plane = image.rgb.size() / 3;
  const size_t channels = load.transform.mean.size();
  for (size_t i = 0; i < image.rgb.size(); ++i) {
    const size_t c = std::min(i % 3, channels - 1);  // grey has one; a fourth is not shown
    const double value = input[c * plane + i / 3] * load.transform.std[c] + load.transform.mean[c];
    image.rgb[i] = static_cast<uint8_t>(std::clamp(value * 255 + 0.5, 0.0, 255.0));
  }
  return image;
}

std::vector<std::string> Phrases(const models::AugmentDraws& draws, bool cropped, int width,
                                 int height) {
  const auto box = [](const models::PixelBox& b) {
    return absl::StrFormat("%d×%d at %d,%d", b.width, b.height, b.x, b.y);
  };
  std::vector<std::string> phrases;
  if (cropped) {
    phrases.push_back(absl::StrFormat("picture %d×%d", width, height));
    phrases.push_back("crop " + box(draws.crop));
  }
  if (draws.flip) phrases.push_back("flipped");
  for (const models::OpDraw& operation : draws.operations) phrases.push_back(operation.ToString());
  for (const models::PixelBox& erased : draws.erased) phrases.push_back("erased " + box(erased));
  return phrases;
}

// The words below a picture: its draws are asked for again, because a batch has no more than the
// floats that came of them.
absl::StatusOr<BatchPicture> Describe(const models::Dataset& data, int64_t image,
                                      const models::LoaderOptions& load, uint64_t key,
                                      const float* input) {
  const models::ImageTransform transform(load.input_width, load.input_height, load.transform);
  models::AugmentDraws draws;
  int w = 0, h = 0;
  models::PicturePart part;
  RETURN_IF_ERROR(data.LoadPart(
      image,
      [&](int width, int height) {
        w = width;
        h = height;
        draws = transform.Draws(width, height, key, load.random_crop);
        return transform.PlanTrain(width, height, key, load.random_crop, load.exact_decode);
      },
      &part));
  BatchPicture picture = {Shown(input, load), data.name(image),
                          Phrases(draws, load.random_crop, w, h)};
  if (data.label(image) >= 0) absl::StrAppend(&picture.name, " (label ", data.label(image), ")");
  return picture;
}

absl::Status Show(const Flags& flags) {
  RETURN_IF_ERROR(CheckPngName("--out", flags.out));
  ASSIGN_OR_RETURN(StagedOutput out,
                   StagedOutput::Choose("--out", models::ResolveUserPath(flags.out),
                                        StagedOutput::Kind::kFile, flags.overwrite));
  const models::Zoo zoo = MakeZoo();
  ASSIGN_OR_RETURN(const ParsedFlags parsed, ParseTrainFlags(flags.train_args, zoo));
  ASSIGN_OR_RETURN(const models::ZooEntry entry, zoo.Find(*parsed.flags.model));
  ASSIGN_OR_RETURN(const ResolvedFlags resolved,
                   ResolveTrainFlags(parsed.flags, entry, DetectMachine()));
  for (const std::string& notice : resolved.notices) std::cout << "note: " << notice << "\n";
  models::OpenOptions open = MakeOpenOptions(resolved);
  if (!parsed.flags.val_fraction) open.least_held_out = models::kLeastHeldOut;
  ASSIGN_OR_RETURN(const models::Datasets datasets, models::OpenDatasets(open));
  const models::Dataset& data = *datasets.train;

  models::LoaderOptions load = MakeLoaderOptions(resolved);
  load.batch_size = std::min(flags.images, data.size());
  load.num_workers = 0;
  load.start.epoch = flags.epoch;
  load.on_bad_image = [](const std::string& message) {
    std::cout << "skipped an image: " << message << "\n";
  };
  ASSIGN_OR_RETURN(const auto loader, models::Loader::Create(&data, load));
  ASSIGN_OR_RETURN(const models::Batch* const batch, loader->Next());
  std::unordered_map<uint64_t, int64_t> index;
  for (int64_t i = 0; i < data.size(); ++i) index.emplace(data.image_id(i), i);

  std::vector<BatchPicture> pictures;
  const int64_t values = static_cast<int64_t>(batch->images.size()) / load.batch_size;
  for (int64_t i = 0; i < batch->valid; ++i) {
    ASSIGN_OR_RETURN(BatchPicture picture,
                     Describe(data, index.at(batch->image_ids[i]), load,
                              static_cast<uint64_t>(batch->keys[i]), &batch->images[i * values]));
    pictures.push_back(std::move(picture));
  }
  const TrainFlags& said = resolved.flags;
  ASSIGN_OR_RETURN(
      const models::Image sheet,
      DrawBatchSheet({absl::StrCat(resolved.entry.name, ", epoch ", flags.epoch, ", seed ",
                                   *said.seed, ", ", load.input_width, "×", load.input_height),
                      absl::StrCat(datasets.description, "; RandAugment ", *said.aa, "; ",
                                   *said.reprob > 0 ? absl::StrCat("erased ", *said.reprob, " (",
                                                                   *said.remode, ")")
                                                    : "nothing erased")},
                     pictures));
  RETURN_IF_ERROR(
      out.Write([&](const std::string& path) { return models::WritePng(path, sheet); }));
  std::cout << "wrote " << graph::Counted(batch->valid, "picture") << " into " << out.path()
            << std::endl;
  return absl::OkStatus();
}

absl::StatusOr<int> Main(int argc, char** argv) {
  Flags flags;
  CLI::App app("Draws training pictures as the net gets them, with what was done to each.");
  app.footer(kFooter);
  app.add_option("--out", flags.out, "the picture to write, a .png file")
      ->required()
      ->type_name("FILE");
  app.add_option("--images", flags.images, "how many, from the beginning of the epoch")
      ->check(Between(1, 1000))
      ->capture_default_str();
  app.add_option("--epoch", flags.epoch, "whose crops and operations")
      ->check(Between(0, 1'000'000))
      ->capture_default_str();
  app.add_flag("--overwrite", flags.overwrite, "replace --out where it exists");
  std::vector<std::string> own = {"show_batch"};
  DivideCommandLine(app, argc, argv, &own, &flags.train_args);
  std::vector<char*> own_argv;
  for (std::string& arg : own) own_argv.push_back(arg.data());
  ASSIGN_OR_RETURN(
      const bool proceed,
      ParseCommandLine("show_batch", static_cast<int>(own_argv.size()), own_argv.data(), &app));
  if (!proceed) return 0;
  RETURN_IF_ERROR(Show(flags));
  return 0;
}

}  // namespace
}  // namespace tools

int main(int argc, char** argv) { return tools::RunProgram("show_batch", argc, argv, tools::Main); }
