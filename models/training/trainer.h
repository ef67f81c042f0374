// The step loop of a run: schedule, logging, evaluation, checkpoints.
#ifndef MODELS_TRAINING_TRAINER_H_
#define MODELS_TRAINING_TRAINER_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/optional.h"
#include "models/data/dataset.h"
#include "models/data/loader.h"
#include "models/files/file_system.h"
#include "models/training/checkpoint_store.h"
#include "models/training/lr_schedule.h"
#include "models/training/run_log.h"
#include "models/training/run_observer.h"
#include "models/training/run_state.h"
#include "models/training/session.h"

namespace models {

// What a run does beside its steps. What a step is, the session says (step_shape.h).
struct TrainerOptions {
  LrSchedule schedule;  // absolute learning rate; epochs as planned
  // Of training and held-out images: workers, crops, what is done about bad images. The rest is the
  // run's.
  LoaderOptions loader;
  int64_t steps = -1;      // ends the run after so many optimizer steps; -1: when the epochs are
                           // over. Never changes the schedule.
  int64_t eval_epochs = 1;  // epochs between evaluations, and between checkpoints
  int64_t eval_every = 0;   // steps between evaluations; 0: at the ends of such epochs only
  int64_t vis_every = 0;   // steps between pictures, and at the end; 0: never
  // Called in this order; must outlive the run.
  std::vector<RunObserver*> observers;
  int64_t print_every = 20;
  // Trains on the first window of the first epoch alone, over and over (overfit_loader.h).
  bool overfit_batch = false;
  // A loss so many deviations above the last ones is a spike (spike_detector.h); 0: none is.
  double spike_z = 8;
  // Without progress for so long, the watchdog says a line (watchdog.h); 0: none.
  double watchdog_seconds = 300;
  // Into this folder's capsules (capsule.h) a step is written whose loss or gradient is not finite,
  // or whose loss is a spike; empty: none is.
  std::string run_folder;
  // What durations are measured by, save_minutes too: a clock that nobody sets.
  std::function<std::chrono::steady_clock::time_point()> now = std::chrono::steady_clock::now;
  // When the process began, for the line after the first step.
  absl::optional<std::chrono::steady_clock::time_point> launched;
  // Set from outside (a signal handler) to end the run after the step at hand, as
  // --steps would, or within an evaluation. May be null.
  const std::atomic<bool>* stop = nullptr;
  std::string metrics_path;                // metrics.jsonl; `resume` appends to it
  FileSystem* files = FileSystem::Real();  // that metrics.jsonl is written by
  // Where to save, after each epoch, every `save_every` steps (0: never), after the step that
  // ends `save_minutes` or more after the last save (0: never), and at the end; null: nowhere.
  // The best by held-out accuracy is kept, among those of epochs' ends, `save_every` and the end.
  CheckpointStore* checkpoints = nullptr;
  int64_t save_every = 0;
  double save_minutes = 0;
  std::map<std::string, std::string> metadata;  // for a checkpoint's model.safetensors
  std::map<std::string, std::string> notes;     // for its state.json
  // State of the checkpoint that the session was restored from; the run resumes after its step.
  // Null: from the beginning.
  const RunState* resume = nullptr;
  // Returns the command line that resumes this run, to print after a signal; may be empty. Called
  // then, because the run's folder may have been renamed meanwhile.
  std::function<std::string()> how_to_go_on;
};

// Trains `session`'s model. `held_out` may be null: then nothing is evaluated. A checkpoint is
// saved before what is due at its step is evaluated and drawn, so that a resumed run does that
// again: its metrics.jsonl, parameters and optimizer state are then those of a run that never
// stopped, byte for byte, but for the times (metrics.h). An evaluation that `stop` breaks off
// leaves no line, and comes again.
//
// Progress goes to `log` (progress.h), every step and evaluation to metrics.jsonl. An undecodable
// image is named in the log once a run, and those of each epoch are counted. A checkpoint that
// cannot be saved is a line in the log, and an error only at the end of the run. On any other
// error, std::bad_alloc too, what was learned so far is saved and the error, which names the step,
// returned. Nothing is saved before a step of the run's own, nor if the session has made an update
// since the last complete step, one whose line is in metrics.jsonl: its parameters belong to none.
absl::Status Train(const TrainerOptions& options, const Model& model, const Dataset& train,
                   const Dataset* held_out, Session* session, RunLog* log);

// What Train() would refuse before its first step, without touching a file or `session`: a
// checkpoint of other data, of more steps than are asked for, metrics.jsonl of another run.
absl::Status CheckTrain(const TrainerOptions& options, const Model& model, const Dataset& train,
                        const Dataset* held_out, Session* session);

}  // namespace models

#endif  // MODELS_TRAINING_TRAINER_H_
