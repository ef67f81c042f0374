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

// The labels and how many rows they score; false if one is no class.
bool Labels(const Call& c, std::vector<int64_t>* labels, double* scored) {
  const int64_t classes = c.in_type(0).cols();
  *labels = c.Ints(1);
  *scored = 0;
  for (size_t r = 0; r < labels->size(); ++r) {
    const int64_t label = (*labels)[r];
    if (label >= classes) {
      return c.OutOfRange(1, r, static_cast<double>(label), -graph::kNoBound,
                          static_cast<double>(classes));
    }
    if (label >= 0) *scored += 1;
  }
  return true;
}

void SoftmaxCrossEntropy(Call* c) {
  const std::vector<double> logits = c->In(0);
  const int64_t rows = c->in_type(0).rows(), cols = c->in_type(0).cols();
  std::vector<int64_t> labels;
  double scored = 0;
  if (!Labels(*c, &labels, &scored)) return;
  std::vector<double>& loss = c->Out(0);
  std::vector<int64_t>& correct = c->OutInts(1);
  for (int64_t r = 0; r < rows; ++r) {
    if (labels[r] < 0) continue;
    const double* row = logits.data() + r * cols;
    loss[0] += (LogSumExp(row, cols) - row[labels[r]]) / scored;
    correct[r] = std::max_element(row, row + cols) - row == labels[r] ? 1 : 0;
  }
}

void SoftmaxCrossEntropyGrad(Call* c) {
  const std::vector<double> logits = c->In(0), dloss = c->In(2);
  const int64_t rows = c->in_type(0).rows(), cols = c->in_type(0).cols();
  std::vector<int64_t> labels;
  double scored = 0;
  if (!Labels(*c, &labels, &scored)) return;
  std::vector<double>& dlogits = c->Out(0);
  for (int64_t r = 0; r < rows; ++r) {
    if (labels[r] < 0) continue;
    const double* row = logits.data() + r * cols;
    const double lse = LogSumExp(row, cols);
    for (int64_t i = 0; i < cols; ++i) {
      const double target = i == labels[r] ? 1.0 : 0.0;
      dlogits[r * cols + i] = dloss[0] * (std::exp(row[i] - lse) - target) / scored;
    }
  }
}

}  // namespace

void RegisterSoftmaxCrossEntropy(graph::KernelTable* table) {
  AddFunction(table, "SoftmaxCrossEntropy", SoftmaxCrossEntropy);
  AddFunction(table, "SoftmaxCrossEntropyGrad", SoftmaxCrossEntropyGrad);
}

}  // namespace backends::reference
