// Shows a run's progress in the log and as a bar on a terminal:
//
//   epoch 3 [20/62]  eta 0:12:34  loss 2.5410  pos_acc1 26.71%  608 images/s  data 0%  skipped 2
//       lr 9.191e-04  grad_norm 1.506 (clipped 0)  pos_acc1_weighted 26.54%      (on one line)
//   first step 1.2 s after launch
//   epoch 3: skipped 2 of the 3968 images it has met (0.05%); //tools:check_data finds all that ...
//   epoch 4.00  step 248  held out:  pos_acc1 31.2% (chance 1.6%)  kNN 45.0% (chance 10.0%)
//       64 images in 0.5 s                                                       (on one line)
//
// metrics.h has the numbers for programs.
#ifndef MODELS_TRAINING_PROGRESS_H_
#define MODELS_TRAINING_PROGRESS_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "absl/types/optional.h"
#include "models/training/metrics.h"
#include "models/training/run_log.h"
#include "models/training/session.h"

namespace models {

// "1:02:03", or "4d 01:02:03".
std::string DurationText(double seconds);
// "608", "88.4", "0.483": three digits, or all of those before the point.
std::string ThreeDigits(double value);
// "pos_acc1 31.2% (chance 1.6%)", "kNN 45.0% (chance 10.0%)", "pos_distance 4.36 cells (chance
// 5.21)", "loss_pixels 0.8123": a number of an evaluation.
std::string HeldOutText(const Metric& metric);

// Not thread-safe.
class Progress {
 public:
  using Time = std::chrono::steady_clock::time_point;  // a clock that nobody sets
  struct Options {
    int64_t print_every = 20;  // steps between lines; the first and the last step always get one
    // When the process began; the line after the first step says how long that took.
    absl::optional<Time> launched;
    std::function<Time()> now = std::chrono::steady_clock::now;
  };
  // `log` must outlive it.
  Progress(RunLog* log, Options options) : log_(*log), options_(std::move(options)) {}

  // Starts the clock: `done` steps are already done, and the run ends after step `last`.
  void Begin(int64_t done, int64_t last, int64_t steps_per_epoch);

  struct Step {
    int64_t step = 0;  // counted from 1: the step just done
    const StepResult* result = nullptr;
    double lr = 0;
    double images = 0;             // of this step
    double seconds = 0;            // that it took
    double data_wait_seconds = 0;  // waited for images since the process began
    // Distinct images that this epoch has met so far, and how many of them were skipped.
    int64_t seen_in_epoch = 0, bad_in_epoch = 0;
  };
  void StepDone(const Step& step);

  // `bad` of all `images` were skipped.
  void Evaluated(const EvalMetrics& metrics, int64_t images, int64_t bad, double seconds);

  // Excludes seconds from images/s, because nothing was trained: pictures, checkpoints. Evaluated()
  // excludes evaluations itself.
  void LeaveOut(double seconds) { interval_start_ += seconds; }

 private:
  // Both times in seconds, `now` since Begin().
  void StepLine(const Step& step, bool first, double eta, double now);

  RunLog& log_;
  const Options options_;
  int64_t done_before_ = 0, last_ = 0, steps_per_epoch_ = 1;
  Time start_;
  double interval_start_ = 0;  // of the steps since the last line, in seconds since start_
  double interval_images_ = 0;
  double interval_wait_ = 0;
};

}  // namespace models

#endif  // MODELS_TRAINING_PROGRESS_H_
