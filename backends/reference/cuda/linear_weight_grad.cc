#include "backends/reference/kernels.h"

namespace backends::reference::cuda {
void RegisterLinearWeightGrad(graph::KernelTable* table) {
  AddFunction(table, "LinearWeightGrad", [](Call* c) {
    const std::vector<double> a = c->In(0), b = c->In(1);
    const int64_t rows = c->in_type(0).rows(), m = c->in_type(0).cols(), n = c->in_type(1).cols();
    std::vector<double>&dw = c->Out(0), &db = c->Out(1);
    if (c->num_inputs() > 2) dw = c->In(2);
    for (int64_t i = 0; i < m; ++i) {
      for (int64_t r = 0; r < rows; ++r) db[i] += a[r * m + i];
      for (int64_t j = 0; j < n; ++j) {
        for (int64_t r = 0; r < rows; ++r) dw[i * n + j] += a[r * m + i] * b[r * n + j];
      }
    }
  });
}

}  // namespace backends::reference::cuda
