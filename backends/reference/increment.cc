#include "backends/reference/kernels.h"

namespace backends::reference {
void RegisterIncrement(graph::KernelTable* table) {
  AddFunction(table, "Increment",
              [](Call* c) { c->OutInts(0)[0] = c->Ints(0)[0] + c->Ints(1)[0]; });
}

}  // namespace backends::reference
