// Writes the features of images by a trained encoder to a safetensors file:
//
//   bazel run //tools:extract_features -- --checkpoint=FILE --out=features.safetensors
//       [--data_path=DIR] [--split=heldout|train] [--tokens] [--images] [--precision=fp32|bf16]
//
//   cls         f32 (N, D)           the class token after the final norm
//   patch_mean  f32 (N, D)           the mean of the L patch rows
//   labels      i32 (N)              where the data has labels; -1: this image has none
//   features    f32 (N, 1+L, D)      with --tokens: all rows, the class token first
//   images      f32 (N, C, H, W)     with --images: the network's input
//
// Rows are images in the order of the data; the metadata `names` is a JSON list of their names. A
// plain folder of photographs: --data_path=DIR --split=train --val_fraction=0.
#include <unistd.h>

#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/escaping.h"
#include "graph/base/counted.h"
#include "graph/base/status.h"
#include "models/training/checkpoint.h"
#include "models/training/output_dir.h"
#include "models/training/run_log.h"
#include "models/training/safetensors.h"
#include "nlohmann/json.hpp"
#include "tools/benchmark/timing.h"
#include "tools/cpus.h"
#include "tools/device.h"
#include "tools/evaluation/evaluation_flags.h"
#include "tools/evaluation/features.h"
#include "tools/evaluation/image_progress.h"
#include "tools/evaluation/spread_dataset.h"
#include "tools/flags/command_line.h"
#include "tools/flags/precision.h"
#include "tools/machine.h"
#include "tools/output/staged_output.h"
#include "tools/plugins.h"
#include "tools/program.h"

namespace tools {
namespace {

struct Flags {
  EvaluationFlags common;
  std::string out;
  std::string split = "heldout";
  bool tokens = false;
  bool images = false;
  bool overwrite = false;
};

template <typename T>
void Put(const std::string& name, const std::vector<T>& values, graph::Shape shape,
         models::TensorMap* tensors) {
  (*tensors)[name] = {{graph::DTypeOf<T>::value, std::move(shape)},
                      absl::MakeConstSpan(reinterpret_cast<const uint8_t*>(values.data()),
                                          values.size() * sizeof(T))};
}

absl::Status Write(const std::string& path, const Features& features, const TrainedModel& trained,
                   const models::Dataset& data, const models::Datasets& datasets,
                   const Flags& flags, const std::string& precision) {
  const models::ModelConfig& model = trained.entry().model;
  const int64_t n = features.rows;
  models::TensorMap tensors;
  Put("cls", features.cls, {n, features.dim}, &tensors);
  Put("patch_mean", features.patch_mean, {n, features.dim}, &tensors);
  if (data.num_classes() > 0) Put("labels", features.labels, {n}, &tensors);
  if (flags.tokens) {
    Put("features", features.tokens, {n, 1 + model.num_patches(), features.dim}, &tensors);
  }
  if (flags.images) {
    Put("images", features.images, {n, model.channels, model.input_h, model.input_w}, &tensors);
  }

  nlohmann::json names = nlohmann::json::array();
  for (const int64_t i : features.data_index) names.push_back(data.name(i));
  // ASCII; in paths that are not UTF-8, U+FFFD replaces invalid bytes.
  const std::string names_text =
      names.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  return models::WriteSafetensors(path, tensors,
                                  {{"model", trained.entry().name},
                                   {"checkpoint", absl::CHexEscape(trained.path)},
                                   {"data", absl::CHexEscape(datasets.description)},
                                   {"split", flags.split},
                                   {"precision", precision},
                                   {"names", names_text}});
}

absl::Status Extract(const Flags& flags) {
  const Clock::time_point started = Clock::now();
  ASSIGN_OR_RETURN(StagedOutput out,
                   StagedOutput::Choose("--out", models::ResolveUserPath(flags.out),
                                        StagedOutput::Kind::kFile, flags.overwrite));
  ASSIGN_OR_RETURN(const TrainedModel trained,
                   ReadTrainedModel(flags.common.checkpoint, MakeZoo()));
  RETURN_IF_ERROR(CheckKeepsCheckpoint(trained, "--out", out.path()));
  ASSIGN_OR_RETURN(const models::Datasets datasets, OpenEvaluationData(trained, flags.common));
  const models::Dataset* split =
      flags.split == "train" ? datasets.train.get() : datasets.held_out.get();
  if (split == nullptr) {
    return graph::InvalidArgument("no images are held out (", datasets.description,
                                  "); --split=train takes the others");
  }
  const SpreadDataset data(split, flags.common.max_images);

  const graph::SchemaRegistry registry = MakeRegistry();
  ASSIGN_OR_RETURN(const DeviceChoice device,
                   ChooseDevice(flags.common.device, flags.common.threads));
  ASSIGN_OR_RETURN(const graph::Backend backend, MakeBackend(device, flags.common.threads));
  for (const std::string& note : ThreadNotes(flags.common.threads)) {
    std::cout << "note: " << note << "\n";
  }
  const PrecisionChoice precision = ChoosePrecision(
      flags.common.precision, backend.capabilities, /*has_pass=*/true, device.device);
  if (!precision.lacks.empty()) {
    std::cout << "note: " << precision.lacks << ", so fp32 is used\n";
  }
  graph::CompileOptions compile = {&registry, &backend, {}};
  compile.passes.precision = precision.compute();
  graph::Workspace workspace(backend.device);
  ASSIGN_OR_RETURN(const std::unique_ptr<FeatureExtractor> extractor,
                   FeatureExtractor::Create(trained.entry().model, flags.common.batch_size, compile,
                                            &workspace));
  ASSIGN_OR_RETURN(const std::string loaded,
                   models::LoadParameters(trained.path, extractor->parameters(),
                                          {{}, /*subset=*/true, /*brief=*/true}, &workspace));
  std::cout << "model  " << ModelLine(trained) << "\n       " << loaded << "\n"
            << "data   " << datasets.description << "\n"
            << "in     " << precision.Text() << "\n"
            << device.Line() << std::flush;

  const models::RunLog::Screen screen = models::RunLog::ScreenOf(Screen(), STDOUT_FILENO);
  models::RunLog log(screen);
  auto progress = std::make_unique<ImageProgress>(&log, screen, data.size());
  FeatureOptions options;
  options.tokens = flags.tokens;
  options.images = flags.images;
  options.load.transform = trained.resolved.transform;
  options.load.num_workers = flags.common.num_workers;
  options.load.max_bad_share = trained.resolved.flags.max_bad_share.value();  // the run's
  options.load.on_bad_image = [&log](const std::string& message) {
    log.Line("skipped an image: " + message);
  };
  options.on_images = [&progress](int64_t images) { progress->Done(images); };
  ASSIGN_OR_RETURN(const Features features, ExtractFeatures(data, options, extractor.get()));
  progress.reset();
  RETURN_IF_ERROR(out.Write([&](const std::string& path) {
    return Write(path, features, trained, data, datasets, flags, precision.precision);
  }));
  const char* const images = flags.split == "train" ? "training image" : "held-out image";
  std::cout << DoneLine("features of " + graph::Counted(features.rows, images),
                        SecondsSince(started), precision.precision,
                        "they are in " + out.path());
  return absl::OkStatus();
}

absl::StatusOr<int> Main(int argc, char** argv) {
  Flags flags;
  const MachineDefaults machine = DetectMachine();
  flags.common.threads = machine.threads;
  flags.common.num_workers = machine.num_workers;
  CLI::App app("Writes what a trained encoder makes of images to a safetensors file.");
  AddEvaluationFlags(&app, &flags.common);
  app.add_option("--out", flags.out, "the file to write")->required()->type_name("FILE");
  app.add_option("--split", flags.split, "which images of the data")
      ->check(CLI::IsMember({"heldout", "train"}))
      ->capture_default_str();
  app.add_flag("--tokens", flags.tokens, "also all tokens, as `features` (N, 1+L, D)");
  app.add_flag("--images", flags.images,
               "also the network's input, as `images` (N, channels, H, W)");
  app.add_flag("--overwrite", flags.overwrite, "replace --out where it exists");
  ASSIGN_OR_RETURN(const bool proceed, ParseCommandLine("extract_features", argc, argv, &app));
  if (!proceed) return 0;
  RETURN_IF_ERROR(Extract(flags));
  return 0;
}

}  // namespace
}  // namespace tools

int main(int argc, char** argv) {
  return tools::RunProgram("extract_features", argc, argv, tools::Main);
}
