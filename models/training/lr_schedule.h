// The learning rate at each step. It depends only on the planned length of the run, not on where
// the run is stopped early.
#ifndef MODELS_TRAINING_LR_SCHEDULE_H_
#define MODELS_TRAINING_LR_SCHEDULE_H_

namespace models {

// Linear warm-up from 0 to `lr`, then half a cosine from `lr` down to `min_lr`.
struct LrSchedule {
  double lr = 0;             // at the end of the warm-up
  double min_lr = 0;         // at the end of the run
  double warmup_epochs = 0;  // 0 <= warmup_epochs <= epochs
  double epochs = 0;
};

// The learning rate at `epoch_position` = epoch + micro-step / micro-steps per epoch, in [0,
// schedule.epochs]. It is computed once per accumulation window, at the window's first micro-step,
// so the first step of a run with warm-up has rate 0. Source: util/lr_sched.py. If the warm-up is
// the whole run, the cosine has no length, and its one point is lr.
double LearningRate(const LrSchedule& schedule, double epoch_position);

}  // namespace models

#endif  // MODELS_TRAINING_LR_SCHEDULE_H_
