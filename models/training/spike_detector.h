// Decides whether a loss is far above the losses before it.
//
// A loss is a spike when it is more than z deviations, at least 1% of the mean each, above the mean
// of the window, the last kSpikeWindow losses before it; the first kSpikeWindow / 2 of a run never
// are. A spike enters the window as the largest loss that would not have been one: so it does not
// hide the next, and a loss that stays high becomes the new level after some steps. Decisions
// depend on the losses alone, so a resumed run decides the same.
#ifndef MODELS_TRAINING_SPIKE_DETECTOR_H_
#define MODELS_TRAINING_SPIKE_DETECTOR_H_

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace models {

constexpr int kSpikeWindow = 100;

class SpikeDetector {
 public:
  // 0: nothing is a spike.
  explicit SpikeDetector(double z) : z_(z) {}

  // The next loss is a spike if it is above this; infinity while none can be.
  double Limit() const;
  // "loss 9.1 is 12 deviations above 2.1, the mean of the last 100 steps", or empty. Adds the loss
  // to the window unless it is not finite.
  std::string See(double loss);

  // The window, oldest first. All values are finite.
  const std::vector<double>& window() const { return window_; }
  // The window as text, for a checkpoint, and back, exactly. Errors: not numbers, not finite, more
  // than kSpikeWindow.
  std::string State() const;
  absl::Status Restore(const std::string& state);

 private:
  double z_;
  std::vector<double> window_;
};

}  // namespace models

#endif  // MODELS_TRAINING_SPIKE_DETECTOR_H_
