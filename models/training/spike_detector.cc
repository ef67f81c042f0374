#include "models/training/spike_detector.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "graph/base/quoted.h"
#include "graph/base/status.h"

namespace models {
namespace {

// Of the window, summed from the oldest on, so that a restored window gives the same bits.
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

std::string SpikeDetector::State() const {
  return absl::StrJoin(window_, " ", [](std::string* text, double loss) {
    absl::StrAppendFormat(text, "%.17g", loss);
  });
}

absl::Status SpikeDetector::Restore(const std::string& state) {
  std::vector<double> window;
  for (absl::string_view word : absl::StrSplit(state, ' ', absl::SkipEmpty())) {
    double loss = 0;
    if (!absl::SimpleAtod(word, &loss) || !std::isfinite(loss)) {
      return graph::InvalidArgument("the last losses hold ", graph::Quoted(word),
                                    ", which is no number");
    }
    window.push_back(loss);
  }
  if (window.size() > kSpikeWindow) {
    return graph::InvalidArgument("the last losses are ", window.size(), ", more than ",
                                  kSpikeWindow);
  }
  window_ = std::move(window);
  return absl::OkStatus();
}

}  // namespace models
