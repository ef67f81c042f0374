// Command-line flags shared by the tools that run a trained model over a data set.
#ifndef TOOLS_EVALUATION_EVALUATION_FLAGS_H_
#define TOOLS_EVALUATION_EVALUATION_FLAGS_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "models/data/open_dataset.h"
#include "tools/checkpoint/trained_model.h"

namespace tools {

struct EvaluationFlags {
  CheckpointFlags checkpoint;
  absl::optional<std::string> data_path;        // unset: the run's own data
  absl::optional<double> val_fraction;          // unset: the run's
  absl::optional<double> max_image_megapixels;  // unset: the run's
  int batch_size = 64;
  int64_t max_images = 0;  // 0: all of them
  std::string device = "cpu";
  std::string precision = "auto";
  // The caller sets the machine's defaults before it adds the flags.
  int threads = 1;
  int num_workers = 1;
};

// Of the protocols that read an encoder's features of labelled images.
struct FrozenFlags {
  std::string feature = "both";  // "cls" (class token), "mean" (of the patches) or "both"
  int64_t max_train_images = 50'000;  // spread over the data; 0: all of them
};

// Adds --feature and --max_train_images in the --help group `group`.
void AddFrozenFlags(CLI::App* app, const std::string& group, FrozenFlags* flags);

// Adds --checkpoint, --model, --flagfile, --data_path, --val_fraction, --max_image_megapixels,
// --batch_size, --max_images, --device, --precision, --threads and --num_workers.
void AddEvaluationFlags(CLI::App* app, EvaluationFlags* flags);

// The data that the flags name, or else the run's own.
absl::StatusOr<models::Datasets> OpenEvaluationData(const TrainedModel& trained,
                                                    const EvaluationFlags& flags);

// "NAME after step N", or "NAME".
std::string ModelLine(const TrainedModel& trained);

// The lines that such a tool ends with: "done: WHAT in 0:00:12, in fp32", WHERE.
std::string DoneLine(const std::string& what, double seconds, const std::string& precision,
                     const std::string& where);

}  // namespace tools

#endif  // TOOLS_EVALUATION_EVALUATION_FLAGS_H_
