#include "backends/reference/kernels.h"

namespace backends::reference {
void RegisterScale(graph::KernelTable* table) {
  AddFunction(table, "Scale", [](Call* c) {
    const std::vector<double> x = c->In(0);
    double factor = c->op.Float("value");
    if (c->num_inputs() == 2) factor *= c->In(1)[c->op.Int("index")];
    std::vector<double>& y = c->Out(0);
    for (size_t i = 0; i < y.size(); ++i) y[i] = x[i] * factor;
  });
}

}  // namespace backends::reference
