#include "backends/reference/kernels.h"

namespace backends::reference {
void RegisterStopGradient(graph::KernelTable* table) {
  AddFunction(table, "StopGradient", [](Call* c) {
    if (graph::IsFloat(c->in_type(0).dtype)) {
      c->Out(0) = c->In(0);
    } else {
      c->OutInts(0) = c->Ints(0);
    }
  });
}

}  // namespace backends::reference
