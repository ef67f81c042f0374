#include "models/training/step_shape.h"

#include <algorithm>

#include "graph/base/status.h"

namespace models {

absl::StatusOr<EpochPlan> EpochPlan::Of(const StepShape& step, int64_t images) {
  const bool short_window = step.update_when == UpdateWhen::kMicroStep;
  if (images < (short_window ? step.micro_batch : step.images())) {
    return graph::InvalidArgument(
        "--batch_size=", step.micro_batch, " times --accum_iter=", step.micro_batches, " is ",
        step.images(), ", more than the ", images, " training images; lower one of them");
  }
  EpochPlan plan;
  plan.window_ = step.micro_batches;
  plan.all_micro_batches_ = images / step.micro_batch;
  const int64_t dropped = short_window ? 0 : plan.all_micro_batches_ % plan.window_;
  plan.micro_batches_ = plan.all_micro_batches_ - dropped;
  plan.steps_ = (plan.micro_batches_ + plan.window_ - 1) / plan.window_;
  return plan;
}

EpochPlan::Window EpochPlan::Next(int64_t step) const {
  Window window;
  window.epoch = step / steps_;
  window.first = step % steps_ * window_;
  window.micro_batches =
      static_cast<int>(std::min<int64_t>(window_, micro_batches_ - window.first));
  window.position = static_cast<double>(window.epoch) +
                    static_cast<double>(window.first) / static_cast<double>(all_micro_batches_);
  return window;
}

}  // namespace models
