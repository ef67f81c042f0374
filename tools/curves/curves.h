// What a page of curves shows, in the units of its axes.
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
  // Weight of the past in the moving mean over a run's steps, in [0, 1); 0: none. Evaluations
  // and the learning rate are never smoothed.
  double smooth = 0;
  std::vector<std::string> metrics;  // empty: those of kUsualMetrics that there are
  std::set<std::string> log_y;
  // Runs whose names differ in a number at the end are drawn as one: their mean and the range
  // between the lowest and the highest.
  bool seeds = false;
};

// Drawn where nothing else is asked for.
inline constexpr const char* kUsualMetrics[] = {
    "loss",     "pos_acc1", "heldout_pos_acc1", "heldout_loss_pixels",
    "knn_acc1", "lr",       "images_per_s"};
// More curves could not be told apart.
inline constexpr int kMostCurves = 28;

struct CurvePoint {
  double x = 0;
  double y = 0;  // NaN: the curve has a gap
};

struct Curve {
  int look = 0;  // which entry of the legend; colour and dashes
  std::vector<CurvePoint> line;
  std::vector<CurvePoint> raw;  // of a smoothed line: as it was
  // Of several runs: the range, at the points of `line`.
  std::vector<double> low, high;
  double last = 0;  // of `line`, where it is finite
};

struct Panel {
  std::string metric, title;
  bool percent = false;
  bool from_zero = false;  // the axis
  bool log_y = false;
  bool evaluation = false;  // points of their own
  std::vector<double> chances;
  std::vector<Curve> curves;
};

struct CurvePage {
  std::vector<std::string> legend;
  std::vector<Panel> panels;
  std::string x_label;  // "epoch", "step", "hours"
  double x_low = 0, x_high = 1;
  std::vector<std::string> remarks;  // how to read it
};

// Whether a metric of a file is drawn in percent. This goes by the name, because metrics.jsonl has
// no units: a run's bytes are the same in every version, and runs of every version are drawn.
// curves_test.cc compares it with the units that the zoo and the protocols say.
bool IsShare(const std::string& metric);

// The mean that TensorBoard draws: an exponential moving average, corrected for its start.
// NaNs stay where they are and weigh nothing.
std::vector<double> Smoothed(const std::vector<double>& values, double smooth);

// "cifar" of "cifar_0" and "cifar-12"; other names as they are.
std::string NameWithoutSeed(const std::string& name);

// Errors: a metric that no run has (with the nearest that there is), a run that has none of
// what is drawn, too many curves, a logarithmic axis without a positive number. `notes` gets a
// line for what is not drawn in full.
absl::StatusOr<CurvePage> PlanCurves(const std::vector<RunMetrics>& runs,
                                     const CurveOptions& options, std::vector<std::string>* notes);

}  // namespace tools

#endif  // TOOLS_CURVES_CURVES_H_
