#include <algorithm>
#include <cmath>

#include "backends/reference/kernels.h"

namespace backends::reference {
namespace {

double LogSumExp(const double* row, int64_t n) {
  const double top = *std::max_element(row, row + n);
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += std::exp(row[i] - top);
  return top + std::log(sum);
}

// The rows that are scored and what they are to be.
struct Targets {
  std::vector<int64_t> labels;
  std::vector<double> lam;  // of each row
  std::vector<int64_t> partner;
  int64_t classes = 0;
  double smoothing = 0, scored = 0;

  bool IsScored(int64_t r) const { return labels[r] >= 0 && labels[partner[r]] >= 0; }
  // Of a scored row.
  double At(int64_t r, int64_t k) const {
    const double own = k == labels[r] ? lam[r] : 0.0;
    const double other = k == labels[partner[r]] ? 1.0 - lam[r] : 0.0;
    return (1.0 - smoothing) * (own + other) + smoothing / static_cast<double>(classes);
  }
};

// False if a label is no class. `lam` is the place of the optional input.
bool TargetsOf(const Call& c, int lam, Targets* t) {
  t->classes = c.in_type(0).cols();
  t->smoothing = c.op.Float("smoothing");
  if (!c.Labels(1, t->classes, &t->labels)) return false;
  const int64_t rows = c.in_type(0).rows();
  t->lam.assign(rows, 1.0);
  t->partner.resize(rows);
  for (int64_t r = 0; r < rows; ++r) t->partner[r] = r;
  if (c.num_inputs() > lam) {
    const std::vector<double> of_group = c.In(lam);
    const int64_t size = rows / static_cast<int64_t>(of_group.size());
    for (int64_t r = 0; r < rows; ++r) {
      t->lam[r] = of_group[r / size];
      t->partner[r] = r / size * size + size - 1 - r % size;
    }
  }
  for (int64_t r = 0; r < rows; ++r) t->scored += t->IsScored(r) ? 1 : 0;
  return true;
}

void SoftmaxCrossEntropy(Call* c) {
  const std::vector<double> logits = c->In(0);
  const int64_t rows = c->in_type(0).rows(), cols = c->in_type(0).cols();
  Targets targets;
  if (!TargetsOf(*c, 2, &targets)) return;
  std::vector<double>& loss = c->Out(0);
  std::vector<int64_t>& correct = c->OutInts(1);
  for (int64_t r = 0; r < rows; ++r) {
    if (!targets.IsScored(r)) continue;
    const double* row = logits.data() + r * cols;
    double row_loss = LogSumExp(row, cols);
    for (int64_t k = 0; k < cols; ++k) {
      const double t = targets.At(r, k);
      if (t != 0.0) row_loss -= t * row[k];
    }
    loss[0] += row_loss / targets.scored;
    correct[r] = std::max_element(row, row + cols) - row == targets.labels[r] ? 1 : 0;
  }
}

void SoftmaxCrossEntropyGrad(Call* c) {
  const std::vector<double> logits = c->In(0), dloss = c->In(2);
  const int64_t rows = c->in_type(0).rows(), cols = c->in_type(0).cols();
  Targets targets;
  if (!TargetsOf(*c, 3, &targets)) return;
  std::vector<double>& dlogits = c->Out(0);
  for (int64_t r = 0; r < rows; ++r) {
    if (!targets.IsScored(r)) continue;
    const double* row = logits.data() + r * cols;
    const double lse = LogSumExp(row, cols);
    for (int64_t k = 0; k < cols; ++k) {
      dlogits[r * cols + k] =
          dloss[0] * (std::exp(row[k] - lse) - targets.At(r, k)) / targets.scored;
    }
  }
}

}  // namespace

void RegisterSoftmaxCrossEntropy(graph::KernelTable* table) {
  AddFunction(table, "SoftmaxCrossEntropy", SoftmaxCrossEntropy);
  AddFunction(table, "SoftmaxCrossEntropyGrad", SoftmaxCrossEntropyGrad);
}

}  // namespace backends::reference
