#include <cmath>

#include "backends/reference/kernels.h"

namespace backends::reference {
void RegisterGradNorm(graph::KernelTable* table) {
  AddForEachTensor(table, "GradNorm", 0, 1, 1, [](Call* c) {
    double squares = 0;
    for (double g : c->In(0)) squares += g * g;
    c->Out(0)[0] = std::sqrt(squares);
  });
}

}  // namespace backends::reference
