#include "models/training/spike_detector.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_format.h"
#include "graph/base/status.h"

namespace models {
namespace {

// Of the window, summed from the oldest on: a restored window gives the same bits.
struct Spread {
  double mean = 0, deviation = 0;
};

Spread SpreadOf(const std::vector<double>& window) {
  const double n = static_cast<double>(window.size());
  Spread spread;
  for (const double loss : window) spread.mean += loss / n;
  double squares = 0;
  for (const double loss : window) squares += (loss - spread.mean) * (loss - spread.mean) / n;
  constexpr double kLeastShare = 0.01, kLeast = 1e-6;
  spread.deviation = std::max({std::sqrt(squares), kLeastShare * std::abs(spread.mean), kLeast});
  return spread;
}

}  // namespace

double SpikeDetector::Limit() const {
  if (z_ <= 0 || window_.size() < kSpikeWindow / 2) return std::numeric_limits<double>::infinity();
  const Spread spread = SpreadOf(window_);
  const double limit = spread.mean + z_ * spread.deviation;
  return std::isfinite(limit) ? limit : std::numeric_limits<double>::infinity();
}

std::string SpikeDetector::See(double loss) {
  if (!std::isfinite(loss)) return "";
  std::string spike;
  if (const double limit = Limit(); loss > limit) {
    const Spread spread = SpreadOf(window_);
    spike =
        absl::StrFormat("loss %.5g is %.3g deviations above %.5g, the mean of the last %d steps",
                        loss, (loss - spread.mean) / spread.deviation, spread.mean, window_.size());
    loss = limit;
  }
  if (window_.size() == kSpikeWindow) window_.erase(window_.begin());
  window_.push_back(loss);
  return spike;
}

absl::Status SpikeDetector::Restore(std::vector<double> window) {
  if (window.size() > kSpikeWindow) {
    return graph::InvalidArgument("the window of losses has ", window.size(),
                                  " entries, not up to ", kSpikeWindow);
  }
  for (const double loss : window) {
    if (!std::isfinite(loss)) {
      return graph::InvalidArgument("the window of losses holds ", loss);
    }
  }
  window_ = std::move(window);
  return absl::OkStatus();
}

}  // namespace models
