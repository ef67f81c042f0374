#include "backends/reference/kernels.h"

namespace backends::reference::cpu {
void RegisterGeluWithDerivative(graph::KernelTable* table) {
  AddFunction(table, "GeluWithDerivative", [](Call* c) {
    const std::vector<double> x = c->In(0);
    std::vector<double>&y = c->Out(0), &d = c->Out(1);
    for (size_t i = 0; i < x.size(); ++i) {
      y[i] = Gelu(x[i]);
      d[i] = GeluDerivative(x[i]);
    }
  });
}

}  // namespace backends::reference::cpu
