#include "backends/reference/kernels.h"

namespace backends::reference {
namespace {

void MatMul(Call* c) {
  std::vector<double>& y = c->Out(0);
  y = Multiply(c->In(0), c->In(1), c->in_type(0).rows(), c->in_type(0).cols(),
               c->out_type(0).cols(), c->op.Int("trans_w") == 1);
  if (c->num_inputs() > 2) {
    const std::vector<double> times = c->In(2);
    for (size_t i = 0; i < y.size(); ++i) y[i] *= times[i];
  }
}

void MatMulWeightGrad(Call* c) {
  const std::vector<double> a = c->In(0), b = c->In(1);
  const int64_t rows = c->in_type(0).rows(), m = c->in_type(0).cols(), n = c->in_type(1).cols();
  std::vector<double>& y = c->Out(0);
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      for (int64_t r = 0; r < rows; ++r) y[i * n + j] += a[r * m + i] * b[r * n + j];
    }
  }
}

}  // namespace

std::vector<double> Multiply(absl::Span<const double> x, absl::Span<const double> w, int64_t rows,
                             int64_t k, int64_t n, bool trans_w) {
  std::vector<double> y(rows * n);
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t j = 0; j < n; ++j) {
      double sum = 0;
      for (int64_t i = 0; i < k; ++i) sum += x[r * k + i] * (trans_w ? w[j * k + i] : w[i * n + j]);
      y[r * n + j] = sum;
    }
  }
  return y;
}

void RegisterMatMul(graph::KernelTable* table) {
  AddFunction(table, "MatMul", MatMul);
  AddFunction(table, "MatMulWeightGrad", MatMulWeightGrad);
}

}  // namespace backends::reference
