#include "ops/commit.h"

#include "backends/reference/kernels.h"

namespace backends::reference {
namespace {

using Args = ops::CommitArgs;

absl::Status Commit(Call* c) {
  c->Out(0) = c->In(c->Ints(Args::kApplied)[0] != 0 ? Args::kAfter : Args::kBefore);
  return absl::OkStatus();
}

}  // namespace

void RegisterCommit(graph::KernelTable* table) { AddFunction(table, "Commit", Commit); }

}  // namespace backends::reference
