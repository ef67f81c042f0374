#include "tools/evaluation/evaluation_flags.h"

#include "CLI/App.hpp"
#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "absl/strings/str_cat.h"
#include "graph/base/status.h"
#include "models/training/output_dir.h"
#include "models/training/progress.h"
#include "tools/flags/command_line.h"
#include "tools/flags/precision.h"

namespace tools {

void AddEvaluationFlags(CLI::App* app, EvaluationFlags* flags) {
  AddCheckpointFlags(app, &flags->checkpoint);
  app->add_option_function<std::string>(
         "--data_path", [flags](const std::string& path) { flags->data_path = path; },
         "folder of images (default: the data of the run, or the embedded data set)")
      ->type_name("DIR");
  app->add_option_function<double>(
         "--val_fraction", [flags](const double& share) { flags->val_fraction = share; },
         "share of the images to hold out where the data has no held-out part (default: the run's)")
      ->type_name("SHARE");
  AddMaxImageMegapixels(app, "the run's", &flags->max_image_megapixels);
  app->add_option("--batch_size", flags->batch_size,
                  "images at a time; results do not depend on it")
      ->check(Between(1, 65536))
      ->type_name("N")
      ->capture_default_str();
  app->add_option("--max_images", flags->max_images,
                  "use so many images, spread over the data; 0: all")
      ->check(AtLeast(0))
      ->type_name("N")
      ->capture_default_str();
  AddDevice(app, /*reference=*/false, &flags->device);
  app->add_option("--precision", flags->precision,
                  absl::StrCat("of activations and products; ", kAutoPrecision))
      ->check(CLI::IsMember({"auto", "fp32", "bf16"}))
      ->type_name("auto|fp32|bf16")
      ->capture_default_str();
  app->add_option("--threads", flags->threads, "threads that compute")
      ->check(Between(1, 1024))
      ->type_name("N")
      ->capture_default_str();
  app->add_option("--num_workers", flags->num_workers, "threads that load images")
      ->check(Between(0, 256))
      ->type_name("N")
      ->capture_default_str();
}

void AddFrozenFlags(CLI::App* app, const std::string& group, FrozenFlags* flags) {
  app->add_option("--feature", flags->feature, "class token, mean of the patches, or both")
      ->group(group)
      ->check(CLI::IsMember({"cls", "mean", "both"}))
      ->capture_default_str();
  app->add_option("--max_train_images", flags->max_train_images,
                  "use so many training images, spread over the data; 0: all")
      ->group(group)
      ->check(AtLeast(0))
      ->type_name("N")
      ->capture_default_str();
}

absl::StatusOr<models::Datasets> OpenEvaluationData(const TrainedModel& trained,
                                                    const EvaluationFlags& flags) {
  const TrainFlags& run = trained.resolved.flags;
  models::OpenOptions open;
  open.data_path = flags.data_path.has_value() ? models::ResolveDataPath(*flags.data_path)
                                               : run.data_path.value_or("");
  if (open.data_path == "-" && !flags.data_path.has_value()) {
    return graph::InvalidArgument(
        "the run read its images from standard input; give --data_path=-, and them, or another");
  }
  open.input_height = trained.entry().model.input_h;
  open.input_width = trained.entry().model.input_w;
  open.val_fraction = flags.val_fraction.value_or(run.val_fraction.value_or(0.01));
  open.limits = models::LimitsOfMegapixels(
      flags.max_image_megapixels.value_or(run.max_image_megapixels.value()),
      ChannelsOfPictures(trained.resolved));
  absl::StatusOr<models::Datasets> data = models::OpenDatasets(open);
  if (!data.ok() && !flags.data_path.has_value() && run.data_path.has_value()) {
    return graph::Annotate(data.status(),
                           "the data of the run (--data_path names others): opening them");
  }
  return data;
}

std::string ModelLine(const TrainedModel& trained) {
  if (trained.step < 0) return trained.entry().name;
  return absl::StrCat(trained.entry().name, " after step ", trained.step);
}

std::string DoneLine(const std::string& what, double seconds, const std::string& precision,
                     const std::string& where) {
  return absl::StrCat("done: ", what, " in ", models::DurationText(seconds), ", in ", precision,
                      "\n      ", where, "\n");
}

}  // namespace tools
