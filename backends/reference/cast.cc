#include "backends/reference/kernels.h"

namespace backends::reference {

void RegisterCast(graph::KernelTable* table) {
  AddFunction(table, "Cast", [](Call* c) { c->Out(0) = c->In(0); });
}

}  // namespace backends::reference
