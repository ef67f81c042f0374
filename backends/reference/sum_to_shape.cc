#include "backends/reference/kernels.h"

namespace backends::reference {
void RegisterSumToShape(graph::KernelTable* table) {
  AddFunction(table, "SumToShape", [](Call* c) {
    const std::vector<double> x = c->In(0);
    std::vector<double>& y = c->Out(0);
    for (size_t i = 0; i < x.size(); ++i) y[i % y.size()] += x[i];
  });
}

}  // namespace backends::reference
