// metrics.jsonl: one JSON object a line, the source of plots and comparisons.
//
//   {"kind":"train","step":1,"epoch":0.016,"loss":4.3,"pos_acc1":0.02,"pos_acc1_weighted":0.02,
//    "sigma":1.0,"lr":0.0,"grad_norm":3.5,"clipped":0,"skipped":0,"time_seconds":0.08,
//    "time_images_per_s":800.0,"time_data_wait_seconds":0.001}                 (on one line)
//   {"kind":"eval","step":62,"epoch":1.0,"heldout_pos_acc1":0.11,"knn_acc1":0.3,
//    "chance":0.015625,"knn_acc1_chance":0.1,"time_seconds":1.5}               (on one line)
//
// All but what begins with "time_" is reproducible: two runs with the same seed and thread count
// have the same text there. Numbers are printed so that reading them gives the same double; a
// number that is not finite is null. Earlier versions wrote no "kind", "bad_images" for "skipped",
// and the times as an object "timing"; both forms are read.
#ifndef MODELS_TRAINING_METRICS_H_
#define MODELS_TRAINING_METRICS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "models/files/append_file.h"
#include "models/files/file_system.h"
#include "models/layers/model.h"

namespace models {

inline constexpr char kTimePrefix[] = "time_";
inline constexpr char kChanceSuffix[] = "_chance";

struct Metric {
  std::string name;  // an ASCII identifier
  double value = 0;
  Unit unit = Unit::kNumber;  // for display; not in the file
  double chance = 0;          // what guessing gives; 0: not known
  friend bool operator==(const Metric& a, const Metric& b) {
    return a.name == b.name && a.value == b.value && a.unit == b.unit;
  }
};
// Additional numbers, written in this order.
using MetricList = std::vector<Metric>;

// One optimizer step.
struct TrainMetrics {
  int64_t step = 0;  // optimizer steps done, this one included
  double epoch = 0;  // epochs of data seen, a fraction within an epoch
  double loss = 0;   // mean over the accumulation window
  MetricList model;  // the model's: pos_acc1, pos_acc1_weighted, sigma
  double lr = 0;
  double grad_norm = 0;  // over all parameters, before clipping
  MetricList timing;     // everything that is not reproducible; the names without "time_"
  int64_t skipped = 0;   // distinct undecodable images, in this epoch so far
  int64_t clipped = 0;   // parameters whose gradient was clipped
};

// One pass over held-out images.
struct EvalMetrics {
  double epoch = 0;
  int64_t step = 0;
  // The model's, e.g. heldout_pos_acc1, heldout_pos_acc1_all_dropped.
  MetricList values;
  double chance = 0;  // of the first value, and all that say no other; 0: not written
  MetricList timing;
};

// The lines themselves, with the newline.
std::string MetricsLine(const TrainMetrics& metrics);
std::string MetricsLine(const EvalMetrics& metrics);

// The step whose line ends at byte `bytes` of the file `path`. NotFound if none does: the file is
// gone, or is not what the run wrote.
absl::StatusOr<TrainMetrics> ReadStepEndingAt(const std::string& path, int64_t bytes);

// Owns the file, which holds whole lines at any moment (append_file.h). Not thread-safe.
class MetricsWriter {
 public:
  // Creates `path`, or empties it. Errors name `path`. `files` must outlive the writer.
  static absl::StatusOr<MetricsWriter> Create(const std::string& path,
                                              FileSystem* files = FileSystem::Real());
  // Cuts the file to its first `keep_bytes` bytes, which are whole lines, and appends there: what
  // followed was written after the checkpoint. A missing file is created. DataLoss if no line ends
  // there: the file is not what the run wrote and stays unchanged.
  static absl::StatusOr<MetricsWriter> Resume(const std::string& path, int64_t keep_bytes,
                                              FileSystem* files = FileSystem::Real());
  // Checks without changing the file that Resume() would succeed and that the line which ends there
  // is that of `step`: DataLoss if it is not.
  static absl::Status CheckResume(const std::string& path, int64_t keep_bytes, int64_t step);

  // Errors (disk full, ...) name the file.
  template <typename Metrics>
  absl::Status Write(const Metrics& metrics) {
    return file_.Append(MetricsLine(metrics));
  }

  int64_t bytes() const { return file_.bytes(); }  // whole lines only
  // Flushes all lines to the disk.
  absl::Status Sync() { return file_.Sync(); }

 private:
  explicit MetricsWriter(AppendFile file) : file_(std::move(file)) {}

  AppendFile file_;
};

}  // namespace models

#endif  // MODELS_TRAINING_METRICS_H_
