#include "backends/reference/kernels.h"

namespace backends::reference::cuda {
void RegisterLinearResidual(graph::KernelTable* table) {
  AddFunction(table, "LinearResidual", [](Call* c) {
    const std::vector<double> b = c->In(2), residual = c->In(3);
    std::vector<double>& y = c->Out(0);
    y = Multiply(c->In(0), c->In(1), c->in_type(0).rows(), c->in_type(0).cols(),
                 c->out_type(0).cols(), /*trans_w=*/true);
    for (size_t i = 0; i < y.size(); ++i) y[i] += b[i % b.size()] + residual[i];
  });
}

}  // namespace backends::reference::cuda
