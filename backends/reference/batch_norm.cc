#include <cmath>

#include "backends/reference/kernels.h"

namespace backends::reference {
namespace {

// Σ term(row, element) over the rows of column `col`, divided by `by`.
template <typename Term>
double ColumnMean(const graph::TensorType& x, int64_t col, double by, const Term& term) {
  double sum = 0;
  for (int64_t i = col; i < x.elements(); i += x.cols()) sum += term(i);
  return sum / by;
}

void BatchNorm(Call* c) {
  const graph::TensorType& type = c->in_type(0);
  const std::vector<double> x = c->In(0), running_mean = c->In(1), running_var = c->In(2);
  std::vector<double>&y = c->Out(0), &rstd_out = c->Out(1), &new_mean = c->Out(2),
  &new_var = c->Out(3);
  const double eps = c->op.Float("eps"), momentum = c->op.Float("momentum");
  const double n = static_cast<double>(type.rows());
  for (int64_t col = 0; col < type.cols(); ++col) {
    const double mean = ColumnMean(type, col, n, [&](int64_t i) { return x[i]; });
    const double variance =
        ColumnMean(type, col, n, [&](int64_t i) { return (x[i] - mean) * (x[i] - mean); });
    const double rstd = 1.0 / std::sqrt(variance + eps);
    for (int64_t i = col; i < type.elements(); i += type.cols()) y[i] = (x[i] - mean) * rstd;
    rstd_out[col] = rstd;
    new_mean[col] = (1.0 - momentum) * running_mean[col] + momentum * mean;
    new_var[col] = (1.0 - momentum) * running_var[col] + momentum * variance * n / (n - 1.0);
  }
}

void BatchNormGrad(Call* c) {
  const graph::TensorType& type = c->in_type(0);
  const std::vector<double> y = c->In(0), rstd = c->In(1), dy = c->In(2);
  std::vector<double>& dx = c->Out(0);
  const double n = static_cast<double>(type.rows());
  for (int64_t col = 0; col < type.cols(); ++col) {
    const double average = ColumnMean(type, col, n, [&](int64_t i) { return dy[i]; });
    const double average_normed = ColumnMean(type, col, n, [&](int64_t i) { return dy[i] * y[i]; });
    for (int64_t i = col; i < type.elements(); i += type.cols()) {
      dx[i] = rstd[col] * (dy[i] - average - y[i] * average_normed);
    }
  }
}

void BatchNormInference(Call* c) {
  const std::vector<double> x = c->In(0), mean = c->In(1), variance = c->In(2);
  std::vector<double>& y = c->Out(0);
  for (size_t i = 0; i < x.size(); ++i) {
    const size_t col = i % mean.size();
    y[i] = (x[i] - mean[col]) / std::sqrt(variance[col] + c->op.Float("eps"));
  }
}

}  // namespace

void RegisterBatchNorm(graph::KernelTable* table) {
  AddFunction(table, "BatchNorm", BatchNorm);
  AddFunction(table, "BatchNormGrad", BatchNormGrad);
  AddFunction(table, "BatchNormInference", BatchNormInference);
}

}  // namespace backends::reference
