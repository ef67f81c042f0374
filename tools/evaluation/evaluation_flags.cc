#include "tools/evaluation/evaluation_flags.h"

#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "CLI/App.hpp"
#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "absl/strings/str_cat.h"
#include "graph/base/status.h"
#include "models/training/output_dir.h"

namespace tools {

namespace fs = std::filesystem;

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
  app->add_option("--batch_size", flags->batch_size,
                  "images at a time; results do not depend on it")
      ->check(CLI::Range(1, 65536))
      ->type_name("N")
      ->capture_default_str();
  app->add_option("--max_images", flags->max_images,
                  "use so many images, spread over the data; 0: all")
      ->check(CLI::NonNegativeNumber)
      ->type_name("N")
      ->capture_default_str();
  app->add_option("--threads", flags->threads, "threads that compute")
      ->check(CLI::Range(1, 1024))
      ->type_name("N")
      ->capture_default_str();
  app->add_option("--num_workers", flags->num_workers, "threads that load images")
      ->check(CLI::Range(0, 256))
      ->type_name("N")
      ->capture_default_str();
}

absl::StatusOr<models::Datasets> OpenEvaluationData(const TrainedModel& trained,
                                                    const EvaluationFlags& flags) {
  const TrainFlags& run = trained.resolved.flags;
  models::OpenOptions open;
  open.data_path = flags.data_path.has_value() ? models::ResolveUserPath(*flags.data_path)
                                               : run.data_path.value_or("");
  open.input_height = trained.entry().model.input_h;
  open.input_width = trained.entry().model.input_w;
  open.val_fraction =
      flags.val_fraction.has_value() ? *flags.val_fraction : run.val_fraction.value_or(0.01);
  absl::StatusOr<models::Datasets> data = models::OpenDatasets(open);
  if (!data.ok() && !flags.data_path.has_value() && run.data_path.has_value()) {
    return graph::Annotate(data.status(),
                           "the data of the run (--data_path names others): opening them");
  }
  return data;
}

absl::Status CheckOutputFile(const std::string& flag, const std::string& path, bool overwrite) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (fs::is_directory(status)) return graph::InvalidArgument(flag, "=", path, " is a folder");
  if (fs::exists(status)) {
    if (!overwrite) {
      return absl::AlreadyExistsError(
          absl::StrCat(flag, "=", path, " exists; --overwrite replaces it"));
    }
    if (access(path.c_str(), W_OK) != 0) {
      return absl::ErrnoToStatus(errno, absl::StrCat("cannot write ", flag, "=", path));
    }
  }
  fs::path folder = fs::path(path).parent_path();
  if (folder.empty()) folder = ".";
  if (!fs::is_directory(folder, error)) {
    return absl::NotFoundError(
        absl::StrCat(flag, "=", path, ": the folder ", folder.string(), " does not exist"));
  }
  if (access(folder.c_str(), W_OK | X_OK) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot write ", flag, "=", path));
  }
  return absl::OkStatus();
}

absl::Status WriteText(const std::string& path, const std::string& text) {
  errno = 0;
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  if (file) return absl::OkStatus();
  const absl::Status status = absl::ErrnoToStatus(errno, absl::StrCat("cannot write ", path));
  std::error_code error;
  if (fs::is_regular_file(path, error)) fs::remove(path, error);  // nothing half-written
  return status;
}

std::string ModelLine(const TrainedModel& trained) {
  if (trained.step < 0) return trained.entry().name;
  return absl::StrCat(trained.entry().name, " after step ", trained.step);
}

}  // namespace tools
