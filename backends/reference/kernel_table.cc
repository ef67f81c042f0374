#include "backends/reference/kernel_table.h"

namespace backends::reference {

// Of the lines of ops/ops.bzl.
#define OP(Name) void Register##Name(graph::KernelTable* table);
#include "ops/ops_list.inc"
#undef OP

graph::Backend MakeBackend() {
  graph::Backend backend;
  backend.name = "reference";
  backend.capabilities.bf16_products = true;
  backend.description = "naive loops in double precision, one thread";
#define OP(Name) Register##Name(&backend.kernels);
#include "ops/ops_list.inc"
#undef OP
  return backend;
}

}  // namespace backends::reference
