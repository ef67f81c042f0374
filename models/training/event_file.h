// TensorBoard's event files: the numbers and pictures of a run, for
//
//   tensorboard --logdir=runs
//
// A file is a sequence of TFRecords, each with its own checksums, that hold Events (event.proto).
// TensorBoard reads all files of a folder in the order of their names, so a resumed run adds a file
// and leaves the earlier ones unchanged.
//
// A run's flags are a text and the hyperparameters of a session of the hparams plugin, whose tab
// compares runs. tensorboard/plugins/hparams/plugin_data.proto: "for a session named by
// <session_name> its metadata is recorded in the run <session_name> in the tags
// metadata.SESSION_START_INFO and metadata.SESSION_END_INFO." Its third message, Experiment, would
// name hyperparameters and metrics of all runs. None is written, because "We expect only one run to
// have an `EXPERIMENT_TAG`; look through all of them and arbitrarily pick the first one"
// (backend_context.py): the columns would be those of one run. Without it the plugin takes them
// from the sessions and scalars of all runs, and knows in what the runs differ.
#ifndef MODELS_TRAINING_EVENT_FILE_H_
#define MODELS_TRAINING_EVENT_FILE_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "models/files/append_file.h"
#include "models/training/metrics.h"
#include "models/training/run_files.h"

namespace models {

// The checksum of its records: CRC-32C (Castagnoli's polynomial), 0xe3069283 for "123456789".
uint32_t Crc32c(absl::string_view bytes);

// Names, without the folder, of the event files in `folder`, oldest first; empty if there is no
// such folder.
std::vector<std::string> ListEventFiles(const std::string& folder);

// TensorBoard's names for the numbers of a step or an evaluation. It groups by what comes before
// the slash:
//
//   train/loss  train/pos_acc1  train/lr  train/grad_norm  train/clipped  train/epoch
//   heldout/pos_acc1  heldout/knn_acc1  heldout/chance  heldout/knn_acc1_chance
//   timing/images_per_s  timing/heldout_seconds
MetricList EventScalars(const TrainMetrics& metrics);
MetricList EventScalars(const EvalMetrics& metrics);

// The tags of a run's flags: the text, and what the hparams plugin looks for
// (tensorboard/plugins/hparams/metadata.py).
inline constexpr char kFlagsTag[] = "flags";
inline constexpr char kSessionStartTag[] = "_hparams_/session_start_info";
inline constexpr char kSessionEndTag[] = "_hparams_/session_end_info";

// Names and values as in flags.txt.
using FlagList = std::vector<std::pair<std::string, std::string>>;

// Owns the file, which holds whole records at any moment (append_file.h). Not thread-safe. Errors
// name the file; the writer remains usable.
class EventFileWriter {
 public:
  // Makes a new file in the existing folder `folder`. If the clock was set back, or two files begin
  // in one second, it uses a later second, so that the new file sorts last. The file begins with a
  // mark that makes TensorBoard forget what earlier files say of `first_step` and later steps: a
  // run resumed after step S passes S + 1. On an error nothing is left.
  static absl::StatusOr<EventFileWriter> Create(const std::string& folder, absl::Time now,
                                                int64_t first_step = 0,
                                                FileSystem* files = FileSystem::Real());

  // Appends one record; none if `scalars` is empty. Values become 32-bit floats; NaN and infinities
  // are kept, and TensorBoard marks them.
  absl::Status AddScalars(int64_t step, absl::Time now, const MetricList& scalars);
  // EventScalars of a step or an evaluation.
  template <typename Metrics>
  absl::Status Add(const Metrics& metrics, absl::Time now) {
    return AddScalars(metrics.step, now, EventScalars(metrics));
  }
  // Adds a PNG file's bytes under the name `tag` ("positions"); `shows` says what one sees.
  // InvalidArgument if its header has no size.
  absl::Status AddImage(int64_t step, absl::Time now, absl::string_view tag,
                        absl::string_view shows, std::string png);
  // The same from the file `path`; read errors name that file.
  absl::Status AddImageFile(int64_t step, absl::Time now, absl::string_view tag,
                            absl::string_view shows, const std::string& path);

  // Adds the flags as a Markdown table and as the start of a session: numbers and switches as such,
  // all else as text. Of several starts in one folder the plugin takes the first, and the table is
  // shown for each step at which there is one.
  absl::Status AddFlags(int64_t step, absl::Time now, const FlagList& flags);
  // The session has come to its end. That is for good: TensorBoard forgets no such mark.
  absl::Status AddSessionEnd(int64_t step, absl::Time now);

  // Waits until all records are on the disk.
  absl::Status Flush() { return file_.Sync(); }

  const std::string& path() const { return file_.path(); }

 private:
  explicit EventFileWriter(AppendFile file) : file_(std::move(file)) {}

  AppendFile file_;
};

}  // namespace models

#endif  // MODELS_TRAINING_EVENT_FILE_H_
