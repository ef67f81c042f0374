// The contents of a page of curves, in the units of its axes.
#ifndef TOOLS_CURVES_CURVES_H_
#define TOOLS_CURVES_CURVES_H_

#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/curves/run_metrics.h"

namespace tools {

enum class XAxis { kEpoch, kStep, kTime };

struct CurveOptions {
  XAxis x = XAxis::kEpoch;
  // Weight of the past in the moving mean over a run's steps, in [0, 1); 0: no smoothing.
  // Evaluations and the learning rate are never smoothed.
  double smooth = 0;
  std::vector<std::string> metrics;  // empty: the kUsualMetrics that exist
  std::set<std::string> log_y;
  // Runs whose names differ in a final number are drawn as one: their mean and the range between
  // the lowest and the highest.
  bool seeds = false;
};

// Drawn by default.
inline constexpr const char* kUsualMetrics[] = {
    "loss",     "pos_acc1", "heldout_pos_acc1", "heldout_loss_pixels",
    "knn_acc1", "lr",       "images_per_s"};
// More curves would be indistinguishable.
inline constexpr int kMostCurves = 28;

struct CurvePoint {
  double x = 0;
  double y = 0;  // NaN: the curve has a gap
};

struct Curve {
  int look = 0;  // index of the legend's entry; sets colour and dashes
  std::vector<CurvePoint> line;
  std::vector<CurvePoint> raw;  // of a smoothed line: before smoothing
  // For several runs: the range at the points of `line`.
  std::vector<double> low, high;
};

struct Panel {
  std::string metric, title;
  bool percent = false;
  bool from_zero = false;  // the axis
  bool log_y = false;
  bool evaluation = false;  // drawn with a marker at each point
  std::vector<double> chances;
  std::vector<Curve> curves;
};

struct CurvePage {
  std::vector<std::string> legend;
  std::vector<Panel> panels;
  std::string x_label;               // "epoch", "step", "hours"
  double x_high = 1;                 // the axis begins at 0
  std::vector<std::string> remarks;  // how to read the page
};

// Whether a metric of a file is drawn in percent. This goes by the name, because metrics.jsonl has
// no units: a run's bytes are the same in every version, and runs of every version are drawn.
// curves_test.cc compares it with the units that the zoo and the protocols state.
bool IsShare(const std::string& metric);

// TensorBoard's mean: an exponential moving average, corrected for its start. NaNs stay where they
// are and have no weight.
std::vector<double> Smoothed(const std::vector<double>& values, double smooth);

// "cifar" for "cifar_0" and "cifar-12"; other names are unchanged.
std::string NameWithoutSeed(const std::string& name);

// Errors: a metric that no run has (with the nearest name), a run without any of the drawn metrics,
// too many curves, a logarithmic axis without a positive number. `notes` gets a line for everything
// that is not drawn in full.
absl::StatusOr<CurvePage> PlanCurves(const std::vector<RunMetrics>& runs,
                                     const CurveOptions& options, std::vector<std::string>* notes);

}  // namespace tools

#endif  // TOOLS_CURVES_CURVES_H_
