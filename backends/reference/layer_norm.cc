#include <cmath>

#include "backends/reference/kernels.h"

namespace backends::reference {
namespace {

void LayerNorm(Call* c) {
  const std::vector<double> x = c->In(0), gamma = c->In(1), beta = c->In(2);
  LayerNormRows(x, gamma, beta, c->op.Float("eps"), c->in_type(0).rows(), c->in_type(0).cols(),
                &c->Out(0), &c->Out(1), &c->Out(2));
}

void LayerNormGrad(Call* c) {
  const std::vector<double> x = c->In(0), gamma = c->In(1), mean = c->In(2), variance = c->In(3),
                            dy = c->In(4);
  const int64_t rows = c->in_type(0).rows(), cols = c->in_type(0).cols();
  const double eps = c->op.Float("eps");
  const std::vector<double> skip =
      c->num_inputs() > 5 ? c->In(5) : std::vector<double>(x.size(), 0.0);
  std::vector<double>&dx = c->Out(0), &dgamma = c->Out(1), &dbeta = c->Out(2);
  for (int64_t r = 0; r < rows; ++r) {
    const double scale = 1.0 / std::sqrt(variance[r] + eps);
    const auto normed = [&](int64_t i) { return (x[r * cols + i] - mean[r]) * scale; };
    double average = 0, average_normed = 0;  // of g = dy·gamma and of g·n
    for (int64_t i = 0; i < cols; ++i) {
      const double g = dy[r * cols + i] * gamma[i];
      average += g / static_cast<double>(cols);
      average_normed += g * normed(i) / static_cast<double>(cols);
      dgamma[i] += dy[r * cols + i] * normed(i);
      dbeta[i] += dy[r * cols + i];
    }
    for (int64_t i = 0; i < cols; ++i) {
      const double g = dy[r * cols + i] * gamma[i];
      dx[r * cols + i] = scale * (g - average - normed(i) * average_normed) + skip[r * cols + i];
    }
  }
}

}  // namespace

void LayerNormRows(absl::Span<const double> x, absl::Span<const double> gamma,
                   absl::Span<const double> beta, double eps, int64_t rows, int64_t cols,
                   std::vector<double>* y, std::vector<double>* mean,
                   std::vector<double>* variance) {
  for (int64_t r = 0; r < rows; ++r) {
    const absl::Span<const double> row = x.subspan(r * cols, cols);
    double sum = 0, squares = 0;
    for (double v : row) sum += v;
    (*mean)[r] = sum / static_cast<double>(cols);
    for (double v : row) squares += (v - (*mean)[r]) * (v - (*mean)[r]);
    (*variance)[r] = squares / static_cast<double>(cols);
    const double scale = 1.0 / std::sqrt((*variance)[r] + eps);
    for (int64_t i = 0; i < cols; ++i) {
      (*y)[r * cols + i] = (row[i] - (*mean)[r]) * scale * gamma[i] + beta[i];
    }
  }
}

void RegisterLayerNorm(graph::KernelTable* table) {
  AddFunction(table, "LayerNorm", LayerNorm);
  AddFunction(table, "LayerNormGrad", LayerNormGrad);
}

}  // namespace backends::reference
