// The step loop of a run: schedule, logging, evaluation, checkpoints.
#ifndef MODELS_TRAINING_TRAINER_H_
#define MODELS_TRAINING_TRAINER_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/types/optional.h"
#include "models/data/dataset.h"
#include "models/data/loader.h"
#include "models/files/file_system.h"
#include "models/training/checkpoint_store.h"
#include "models/training/lr_schedule.h"
#include "models/training/metrics.h"
#include "models/training/run_log.h"
#include "models/training/run_state.h"
#include "models/training/session.h"

namespace models {

struct TrainerOptions {
  LrSchedule schedule;  // absolute learning rate; epochs as planned
  int batch_size = 64;  // of one micro-batch
  int accum_iter = 1;
  bool step_every_micro_batch = false;  // the session's
  uint64_t seed = 0;
  int num_workers = 0;
  bool random_crop = true;
  bool exact_decode = false;
  double max_bad_share = kMaxBadShare;  // the loader's, as the next; of held-out images, too
  bool stop_at_bad_image = false;       // see LoaderOptions
  int64_t steps = -1;      // ends the run after so many optimizer steps; -1: when the epochs are
                           // over. Never changes the schedule.
  int64_t eval_every = 0;  // steps between evaluations; 0: at the end of each epoch only
  // Further numbers of an evaluation, for its line of metrics.jsonl; takes the
  // parameters from the session's workspace. Called after each eval_every steps and,
  // where these are given, at the end of the run. CANCELLED where `stop` broke it off. May be
  // empty.
  std::function<absl::StatusOr<MetricList>()> also_evaluate;
  // Called after every so many steps and at the end; 0: never. What it cannot draw is a line in
  // the log, and the run goes on.
  int64_t vis_every = 0;
  std::function<absl::Status(int64_t step)> visualize;
  // For who watches the time of a step: around the taking of each batch, and after
  // each step. May be empty.
  std::function<void()> batch_asked, batch_came;
  std::function<absl::Status()> step_done;
  LoaderObserver* loader_observer = nullptr;  // of the training images' loader; may be null
  int64_t print_every = 20;
  // Trains on the first window of the first epoch alone, over and over (overfit_loader.h).
  bool overfit_batch = false;
  // A loss so many deviations above the last ones is a spike (spike_detector.h); 0: none is.
  double spike_z = 8;
  // Without progress for so long, the watchdog says a line (watchdog.h); 0: none.
  double watchdog_seconds = 300;
  // A step whose loss or gradient is not finite, and one whose loss is a spike, is written
  // into this folder's capsules (capsule.h); empty: is not.
  std::string run_folder;
  // What durations are measured by, save_minutes too: a clock that nobody sets. Tests have
  // their own.
  std::function<std::chrono::steady_clock::time_point()> now = std::chrono::steady_clock::now;
  // When the process began: then the first step says how long after that it was done.
  absl::optional<std::chrono::steady_clock::time_point> launched;
  // Set from outside (a signal handler) to end the run after the step at hand, as
  // --steps would, or within an evaluation. May be null.
  const std::atomic<bool>* stop = nullptr;
  std::string metrics_path;                // metrics.jsonl, made anew, or gone on with by `resume`
  FileSystem* files = FileSystem::Real();  // that metrics.jsonl is written by
  MetricsObserver* metrics_observer = nullptr;  // may be null
  // Where to save, after each epoch, every `save_every` steps (0: never), after the step that
  // ends `save_minutes` or more behind the last save (0: never), and at the end; null: nowhere.
  CheckpointStore* checkpoints = nullptr;
  int64_t save_every = 0;
  double save_minutes = 0;
  std::map<std::string, std::string> metadata;  // for a checkpoint's model.safetensors
  std::map<std::string, std::string> notes;     // for its state.json
  // What the checkpoint said that the session was restored from; the run goes on behind
  // it, and begins with the evaluations and pictures that are due at its step. Null: from
  // the beginning.
  const RunState* resume = nullptr;
  // The command, for who has stopped the run; may be empty. Asked then, because the run's folder
  // may have been renamed meanwhile.
  std::function<std::string()> how_to_go_on;
};

// Windows of batch_size · accum_iter images in one epoch; the remainder of the
// epoch's permutation is dropped. With `short_window` its whole micro-batches make a
// last, shorter window: what the published code does, whose optimizer steps on
// each. An error when there is not even one window.
absl::StatusOr<int64_t> StepsPerEpoch(int64_t images, int batch_size, int accum_iter,
                                      bool short_window = false);

// Trains `session`'s model. `held_out` may be null: then nothing is evaluated.
// A checkpoint is saved before what is due at its step is evaluated and drawn, so that a
// resumed run does that again: its metrics.jsonl, parameters and optimizer state are then
// those of a run that never stopped, byte for byte, but for `timing`. An evaluation that
// `stop` breaks off leaves no line, and is one of those that come again.
//
// Progress goes to `log`, a line each `print_every` steps and one an evaluation;
// every step and evaluation goes to metrics.jsonl. An undecodable image is named in the log
// once an epoch, with the reason and what to do; progress lines, a line at the epoch's end
// and metrics.jsonl count those of the epoch. A checkpoint that cannot be saved is a
// line in the log, and the run goes on, unless it is the last one: then it is the run's
// error. On any other error, memory that ran out (std::bad_alloc) among them, what was learned
// so far is saved (parameters are then those of the last good step) and the error, which names
// the step, returned. Nothing is saved where no run could go on from there: without one step
// of its own done, with step_every_micro_batch in the middle of a window, where memory ran out
// within an update, and after a step whose line metrics.jsonl could not take.
absl::Status Train(const TrainerOptions& options, const Model& model, const Dataset& train,
                   const Dataset* held_out, Session* session, RunLog* log);

// What Train() would refuse before its first step, without a session and without touching a
// file: a checkpoint of other data, of more steps than are asked for, metrics.jsonl of
// another run.
absl::Status CheckTrain(const TrainerOptions& options, const Model& model, const Dataset& train,
                        const Dataset* held_out);

}  // namespace models

#endif  // MODELS_TRAINING_TRAINER_H_
