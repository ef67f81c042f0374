#include <algorithm>
#include <cmath>

#include "backends/reference/kernels.h"
#include "graph/base/status.h"

namespace backends {
namespace reference {
namespace {

double LogSumExp(const double* row, int64_t n) {
  const double top = *std::max_element(row, row + n);
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += std::exp(row[i] - top);
  return top + std::log(sum);
}

absl::Status SoftmaxCrossEntropy(Call* c) {
  const std::vector<double> logits = c->In(0);
  const int64_t rows = c->in_type(0).rows(), cols = c->in_type(0).cols();
  std::vector<int64_t> labels;
  RETURN_IF_ERROR(c->Ids(1, cols, &labels));
  std::vector<double>& loss = c->Out(0);
  std::vector<int64_t>& correct = c->OutInts(1);
  for (int64_t r = 0; r < rows; ++r) {
    const double* row = logits.data() + r * cols;
    loss[0] += (LogSumExp(row, cols) - row[labels[r]]) / static_cast<double>(rows);
    correct[r] = std::max_element(row, row + cols) - row == labels[r] ? 1 : 0;
  }
  return absl::OkStatus();
}

absl::Status SoftmaxCrossEntropyGrad(Call* c) {
  const std::vector<double> logits = c->In(0), dloss = c->In(2);
  const int64_t rows = c->in_type(0).rows(), cols = c->in_type(0).cols();
  std::vector<int64_t> labels;
  RETURN_IF_ERROR(c->Ids(1, cols, &labels));
  std::vector<double>& dlogits = c->Out(0);
  for (int64_t r = 0; r < rows; ++r) {
    const double* row = logits.data() + r * cols;
    const double lse = LogSumExp(row, cols);
    for (int64_t i = 0; i < cols; ++i) {
      const double target = i == labels[r] ? 1.0 : 0.0;
      dlogits[r * cols + i] =
          dloss[0] * (std::exp(row[i] - lse) - target) / static_cast<double>(rows);
    }
  }
  return absl::OkStatus();
}

}  // namespace

void RegisterSoftmaxCrossEntropy(graph::KernelTable* table) {
  AddFunction(table, "SoftmaxCrossEntropy", SoftmaxCrossEntropy);
  AddFunction(table, "SoftmaxCrossEntropyGrad", SoftmaxCrossEntropyGrad);
}

}  // namespace reference
}  // namespace backends
