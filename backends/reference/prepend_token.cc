#include "backends/reference/kernels.h"

namespace backends::reference {
void RegisterPrependToken(graph::KernelTable* table) {
  AddFunction(table, "PrependToken", [](Call* c) {
    const std::vector<double> x = c->In(0), token = c->In(1);
    const int64_t rows = c->in_type(0).dim(1), cols = c->in_type(0).dim(2);
    std::vector<double>& y = c->Out(0);
    int64_t next = 0;
    for (int64_t b = 0; b < c->in_type(0).dim(0); ++b) {
      for (double v : token) y[next++] = v;
      for (int64_t i = 0; i < rows * cols; ++i) y[next++] = x[b * rows * cols + i];
    }
  });
}

}  // namespace backends::reference
