#include "backends/reference/kernels.h"

namespace backends::reference {

void RegisterCommit(graph::KernelTable* table) {
  AddFunction(table, "Commit", [](Call* c) {
    const bool applied = c->Ints(0)[0] != 0;
    c->Out(0) = c->In(applied ? 2 : 1);  // after or before
  });
}

}  // namespace backends::reference
