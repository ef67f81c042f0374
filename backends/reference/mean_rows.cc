#include "backends/reference/kernels.h"

namespace backends::reference {
namespace {

void MeanRows(Call* c) {
  const std::vector<double> x = c->In(0);
  const int64_t images = c->in_type(0).dim(0), rows = c->in_type(0).dim(1);
  const int64_t cols = c->in_type(0).dim(2);
  const int64_t start = c->op.Int("start"), count = c->op.Int("count");
  std::vector<double>& y = c->Out(0);
  for (int64_t b = 0; b < images; ++b) {
    for (int64_t i = 0; i < cols; ++i) {
      double sum = 0;
      for (int64_t t = start; t < start + count; ++t) sum += x[(b * rows + t) * cols + i];
      y[b * cols + i] = sum / static_cast<double>(count);
    }
  }
}

void MeanRowsGrad(Call* c) {
  const std::vector<double> dy = c->In(0);
  const int64_t images = c->in_type(0).dim(0), cols = c->in_type(0).dim(1);
  const int64_t rows = c->out_type(0).dim(1);
  const int64_t start = c->op.Int("start"), count = c->op.Int("count");
  std::vector<double>& dx = c->Out(0);
  for (int64_t b = 0; b < images; ++b) {
    for (int64_t t = start; t < start + count; ++t) {
      for (int64_t i = 0; i < cols; ++i) {
        dx[(b * rows + t) * cols + i] = dy[b * cols + i] / static_cast<double>(count);
      }
    }
  }
}

}  // namespace

void RegisterMeanRows(graph::KernelTable* table) {
  AddFunction(table, "MeanRows", MeanRows);
  AddFunction(table, "MeanRowsGrad", MeanRowsGrad);
}

}  // namespace backends::reference
