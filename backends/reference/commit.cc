#include "ops/commit.h"

#include "backends/reference/kernels.h"

namespace backends::reference {

void RegisterCommit(graph::KernelTable* table) {
  AddFunction(table, "Commit", [](Call* c) {
    using Args = ops::CommitArgs;
    c->Out(0) = c->In(c->Ints(Args::kApplied)[0] != 0 ? Args::kAfter : Args::kBefore);
  });
}

}  // namespace backends::reference
