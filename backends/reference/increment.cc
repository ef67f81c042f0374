#include "backends/reference/kernels.h"

namespace backends::reference {
namespace {

absl::Status Increment(Call* c) {
  c->OutInts(0)[0] = c->Ints(0)[0] + c->Ints(1)[0];
  return absl::OkStatus();
}

}  // namespace

void RegisterIncrement(graph::KernelTable* table) { AddFunction(table, "Increment", Increment); }

}  // namespace backends::reference
