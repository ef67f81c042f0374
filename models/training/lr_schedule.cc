#include "models/training/lr_schedule.h"

#include <cmath>

namespace models {

// The order of operations follows the official code, so that the rates are equal to the last bit.
double LearningRate(const LrSchedule& schedule, double epoch_position) {
  if (epoch_position < schedule.warmup_epochs) {
    return schedule.lr * epoch_position / schedule.warmup_epochs;
  }
  const double cosine_epochs = schedule.epochs - schedule.warmup_epochs;
  if (cosine_epochs <= 0) return schedule.lr;
  return schedule.min_lr +
         (schedule.lr - schedule.min_lr) * 0.5 *
             (1.0 + std::cos(M_PI * (epoch_position - schedule.warmup_epochs) / cosine_epochs));
}

}  // namespace models
