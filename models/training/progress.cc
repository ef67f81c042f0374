#include "models/training/progress.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"

namespace models {
namespace {

double Seconds(std::chrono::steady_clock::duration time) {
  return std::chrono::duration<double>(time).count();
}

// "  pos_acc1 12.34%", "  loss_mae 0.8123".
std::string MetricText(const Metric& metric) {
  if (metric.unit == Unit::kShare) {
    return absl::StrFormat("  %s %.2f%%", metric.name, 100 * metric.value);
  }
  return absl::StrFormat("  %s %.4f", metric.name, metric.value);
}

// "12.5%"; two decimals where one would not tell it from chance.
std::string Percent(double share) {
  return absl::StrFormat("%.*f%%", share < 0.01 ? 2 : 1, 100 * share);
}

// The line says that it is held out.
std::string ScreenName(const std::string& metric) {
  if (metric == "knn_acc1") return "kNN";
  if (metric == "knn_acc1_mean") return "kNN_mean";
  return std::string(absl::StripPrefix(metric, "heldout_"));
}

}  // namespace

std::string DurationText(double seconds) {
  const int64_t s = static_cast<int64_t>(seconds + 0.5);
  const int64_t days = s / 86400;
  const std::string clock =
      absl::StrFormat("%d:%02d:%02d", s % 86400 / 3600, s % 3600 / 60, s % 60);
  return days > 0 ? absl::StrFormat("%dd %s", days, clock) : clock;
}

std::string ThreeDigits(double value) {
  if (!std::isfinite(value)) return "-";
  const int before = value < 1 ? 0 : static_cast<int>(std::log10(value)) + 1;
  return absl::StrFormat("%.*f", std::clamp(3 - before, 0, 3), value);
}

std::string HeldOutText(const Metric& metric) {
  const auto number = [&metric](double value) {
    if (metric.unit == Unit::kShare) return Percent(value);
    if (metric.unit == Unit::kNumber && value == std::floor(value)) {
      return absl::StrFormat("%.0f", value);  // a count
    }
    return absl::StrFormat("%.*f", metric.unit == Unit::kCells ? 2 : 4, value);
  };
  std::string text = absl::StrCat(ScreenName(metric.name), " ", number(metric.value),
                                  metric.unit == Unit::kCells ? " cells" : "");
  if (metric.chance > 0) absl::StrAppend(&text, " (chance ", number(metric.chance), ")");
  return text;
}

void Progress::Begin(int64_t done, int64_t last, int64_t steps_per_epoch) {
  done_before_ = done;
  last_ = last;
  steps_per_epoch_ = steps_per_epoch;
  start_ = options_.now();
  interval_start_ = 0;
}

void Progress::StepDone(const Step& step) {
  interval_images_ += step.images;
  const double now = Seconds(options_.now() - start_);
  const double done = static_cast<double>(step.step - done_before_);
  const double eta = now / done * static_cast<double>(last_ - step.step);
  const bool first = step.step == done_before_ + 1;
  const bool says_line = step.step % options_.print_every == 0 || first || step.step == last_;
  // The bar below a line shows the same step.
  const auto bar = [&] {
    std::string text = absl::StrFormat("step %d/%d  eta %s  loss %.4f", step.step, last_,
                                       DurationText(eta), step.result->loss);
    const MetricList& metrics = step.result->metrics;
    if (!metrics.empty()) text += MetricText(metrics[0]);
    absl::StrAppend(&text, "  ", ThreeDigits(step.images / step.seconds), " images/s");
    for (size_t i = 1; i < metrics.size(); ++i) text += MetricText(metrics[i]);
    return text;
  };
  log_.Progress(static_cast<double>(step.step) / static_cast<double>(last_), bar, says_line);
  if (says_line) StepLine(step, first, eta, now);
  if (step.step % steps_per_epoch_ == 0 && step.bad_in_epoch > 0) {
    log_.Line(absl::StrFormat(
        "epoch %d: skipped %d of the %d images it has met (%.2f%%); check_data finds all "
        "that are bad",
        step.step / steps_per_epoch_ - 1, step.bad_in_epoch, step.seen_in_epoch,
        100.0 * static_cast<double>(step.bad_in_epoch) / static_cast<double>(step.seen_in_epoch)));
  }
}

void Progress::StepLine(const Step& step, bool first, double eta, double now) {
  const double interval = now - interval_start_;
  const double waited = step.data_wait_seconds - interval_wait_;
  const int64_t in_epoch = (step.step - 1) % steps_per_epoch_ + 1;
  std::string line =
      absl::StrFormat("epoch %d [%d/%d]  eta %s  loss %.4f", (step.step - 1) / steps_per_epoch_,
                      in_epoch, steps_per_epoch_, DurationText(eta), step.result->loss);
  // The most important first, because a narrow terminal drops the last.
  const MetricList& metrics = step.result->metrics;
  if (!metrics.empty()) line += MetricText(metrics[0]);
  absl::StrAppendFormat(&line, "  %s images/s  data %.0f%%",
                        ThreeDigits(interval_images_ / std::max(interval, 1e-9)),
                        100 * waited / std::max(interval, 1e-9));
  if (step.bad_in_epoch > 0) absl::StrAppend(&line, "  skipped ", step.bad_in_epoch);
  absl::StrAppendFormat(&line, "  lr %.3e  grad_norm %.3f (clipped %d)", step.lr,
                        step.result->grad_norm, step.result->clipped);
  for (size_t i = 1; i < metrics.size(); ++i) line += MetricText(metrics[i]);
  log_.Line(line, RunLog::Fit::kDrop);
  if (first && options_.launched.has_value()) {
    log_.Line(absl::StrFormat("first step %.1f s after launch",
                              now + Seconds(start_ - *options_.launched)));
  }
  interval_start_ = now;
  interval_images_ = 0;
  interval_wait_ = step.data_wait_seconds;
}

void Progress::Evaluated(const EvalMetrics& metrics, int64_t images, int64_t bad, double seconds) {
  std::string line = absl::StrFormat("epoch %.2f  step %d  held out:", metrics.epoch, metrics.step);
  for (const Metric& metric : metrics.values) absl::StrAppend(&line, "  ", HeldOutText(metric));
  absl::StrAppendFormat(&line, "  %d images in %.1f s", images - bad, seconds);
  if (bad > 0) absl::StrAppend(&line, "  skipped ", bad);
  log_.Line(line, RunLog::Fit::kWrap);
  LeaveOut(seconds);
}

}  // namespace models
