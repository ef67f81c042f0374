// What one optimizer step is made of, and how an epoch divides into steps. The flags say it once
// (tools/flags/resolve_flags.cc), Session holds it, and everybody else asks the session.
#ifndef MODELS_TRAINING_STEP_SHAPE_H_
#define MODELS_TRAINING_STEP_SHAPE_H_

#include <cstdint>

#include "absl/status/statusor.h"

namespace models {

// When the parameters are updated. All that --compat=official changes about accumulation follows
// from this: in the nets (nets.h) and in how long windows are (EpochPlan).
enum class UpdateWhen {
  kWindow,  // in the window's last micro-step
  // In each of them, with what the window has summed so far, and the sum stays as
  // it was clipped for that:
  //   accum = clip(accum + gradient / n), update with accum
  // What the published code does (train_one_epoch in engine_pretrain.py). The counter of updates,
  // by which Adam corrects its moments, counts micro-batches then.
  kMicroStep,
};

struct StepShape {
  int micro_batch = 64;   // images
  int micro_batches = 1;  // of a window, which is one step
  UpdateWhen update_when = UpdateWhen::kWindow;
  uint64_t seed = 0;  // of initialisation, the order of images, crops and masks

  int64_t images() const { return int64_t{micro_batch} * micro_batches; }
};

// The windows of a run. What of an epoch's permutation fills no whole window is dropped; with
// kMicroStep its whole micro-batches make a last, shorter window.
class EpochPlan {
 public:
  // An error when there is not even one window of `images`.
  static absl::StatusOr<EpochPlan> Of(const StepShape& step, int64_t images);
  EpochPlan() = default;

  // Of an epoch.
  int64_t steps() const { return steps_; }
  int64_t micro_batches() const { return micro_batches_; }

  // Epochs after `step` steps, with a fraction.
  double epochs(int64_t step) const {
    return static_cast<double>(step) / static_cast<double>(steps_);
  }
  // Step `step` is the last of an epoch whose number is a multiple of `every`.
  bool EndsEpoch(int64_t step, int64_t every = 1) const { return step % (every * steps_) == 0; }

  // Of the step that comes after `step` steps.
  struct Window {
    int64_t epoch = 0;
    int64_t first = 0;      // micro-batch of the epoch
    int micro_batches = 0;  // of this window
    // Micro-batches into the epoch over those it holds, the remainder that fills no window
    // counted in, as lr_sched.py is called.
    double position = 0;
  };
  Window Next(int64_t step) const;

 private:
  int window_ = 1;  // micro-batches
  int64_t steps_ = 1;
  int64_t micro_batches_ = 1;  // in windows
  int64_t all_micro_batches_ = 1;
};

}  // namespace models

#endif  // MODELS_TRAINING_STEP_SHAPE_H_
