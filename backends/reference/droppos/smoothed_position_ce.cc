#include "ops/droppos/smoothed_position_ce.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "backends/reference/kernels.h"
#include "ops/droppos/position_targets.h"

namespace backends::reference::droppos {
namespace {

using Args = ops::droppos::SmoothedPositionCEArgs;
using GradArgs = ops::droppos::SmoothedPositionCEGradArgs;

// The inputs that forward and gradient share.
struct Problem {
  int64_t batch, visible, cells;
  std::vector<double> logits;
  std::vector<int64_t> ids, mask_pos;
  int64_t grid_cells;           // at least `cells`
  std::vector<double> targets;  // (grid_cells, grid_cells)
  std::vector<double> weight;   // (batch * visible): w of the contract
  std::vector<bool> ignored;    // (batch * visible): dropped, and left out by conf_ignore
  double weight_sum = 0;

  // False if an input is a fault.
  bool Read(const Call& c, int weights_input) {
    batch = c.in_type(Args::kLogits).dim(0);
    visible = c.in_type(Args::kLogits).dim(1);
    cells = c.in_type(Args::kLogits).dim(2);
    logits = c.In(Args::kLogits);
    if (!c.Ids(Args::kIdsKeep, cells, &ids)) return false;
    mask_pos = c.Ints(Args::kMaskPos);
    const double sigma = c.In(Args::kSigma)[0];
    if (!(sigma >= 0)) return c.OutOfRange(Args::kSigma, 0, sigma, 0, graph::kNoBound);
    const auto norm = c.op.Str("targets") == "official" ? ops::droppos::TargetNorm::kColumns
                                                        : ops::droppos::TargetNorm::kRows;
    grid_cells = c.op.Int("grid_h") * c.op.Int("grid_w");
    targets = ops::droppos::PositionTargets(c.op.Int("grid_h"), c.op.Int("grid_w"), sigma, norm);
    weight.assign(batch * visible, 1.0);
    if (c.num_inputs() > weights_input) weight = c.In(weights_input);
    ignored.assign(batch * visible, false);
    for (int64_t r = 0; r < batch * visible; ++r) {
      if (c.op.Int("conf_ignore") == 1 && mask_pos[r] != 0) {
        ignored[r] = std::exp(LogSoftmax(r)[ids[r]]) >= Target(r, ids[r]);
      }
      if (mask_pos[r] == 0 || ignored[r]) weight[r] = 0;
      weight_sum += weight[r];
    }
    return true;
  }

  // The target of row `r` for cell `j`.
  double Target(int64_t r, int64_t j) const { return targets[ids[r] * grid_cells + j]; }

  // log softmax of row `r`.
  std::vector<double> LogSoftmax(int64_t r) const {
    const double* x = logits.data() + r * cells;
    const double max = *std::max_element(x, x + cells);
    double sum = 0;
    for (int64_t j = 0; j < cells; ++j) sum += std::exp(x[j] - max);
    std::vector<double> y(cells);
    for (int64_t j = 0; j < cells; ++j) y[j] = x[j] - max - std::log(sum);
    return y;
  }
};

void SmoothedPositionCE(Call* c) {
  Problem p;
  if (!p.Read(*c, Args::kWeights)) return;
  std::vector<int64_t>& correct = c->OutInts(Args::kCorrect);
  std::vector<int64_t>& scored = c->OutInts(Args::kScored);
  std::vector<int64_t>& ignored = c->OutInts(Args::kIgnored);
  double loss = 0, right_weight = 0, all_correct = 0, all_scored = 0;
  for (int64_t r = 0; r < p.batch * p.visible; ++r) {
    if (p.mask_pos[r] == 0) continue;
    const double* x = p.logits.data() + r * p.cells;
    // max_element returns the first of equal elements.
    const bool right = std::max_element(x, x + p.cells) - x == p.ids[r];
    correct[r / p.visible] += right;
    all_correct += right;
    scored[r / p.visible] += 1;
    all_scored += 1;
    ignored[r / p.visible] += p.ignored[r];
    if (p.weight[r] == 0) continue;
    if (right) right_weight += p.weight[r];
    const std::vector<double> log_prob = p.LogSoftmax(r);
    double ce = 0;
    for (int64_t j = 0; j < p.cells; ++j) ce -= p.Target(r, j) * log_prob[j];
    loss += p.weight[r] * ce;
  }
  const bool empty = p.weight_sum == 0;
  c->Out(Args::kLoss)[0] = empty ? 0 : loss / p.weight_sum;
  c->Out(Args::kAccuracy)[0] = all_scored == 0 ? 0 : all_correct / all_scored;
  c->Out(Args::kAccuracyWeighted)[0] = empty ? 0 : right_weight / p.weight_sum;
}

void SmoothedPositionCEGrad(Call* c) {
  Problem p;
  if (!p.Read(*c, GradArgs::kWeights)) return;
  const double dloss = c->In(GradArgs::kDLoss)[0];
  std::vector<double>& dlogits = c->Out(0);
  if (p.weight_sum == 0) return;
  for (int64_t r = 0; r < p.batch * p.visible; ++r) {
    if (p.weight[r] == 0) continue;
    const std::vector<double> log_prob = p.LogSoftmax(r);
    double target_sum = 0;
    for (int64_t j = 0; j < p.cells; ++j) target_sum += p.Target(r, j);
    for (int64_t j = 0; j < p.cells; ++j) {
      dlogits[r * p.cells + j] = dloss * p.weight[r] / p.weight_sum *
                                 (target_sum * std::exp(log_prob[j]) - p.Target(r, j));
    }
  }
}

}  // namespace

void RegisterSmoothedPositionCE(graph::KernelTable* table) {
  AddFunction(table, "SmoothedPositionCE", SmoothedPositionCE);
  AddFunction(table, "SmoothedPositionCEGrad", SmoothedPositionCEGrad);
}

}  // namespace backends::reference::droppos
