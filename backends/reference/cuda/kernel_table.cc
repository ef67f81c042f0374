#include "backends/reference/cuda/kernel_table.h"

namespace backends::reference::cuda {

// Of the lines of backends/cuda/ops/ops.bzl.
#define OP(Name) void Register##Name(graph::KernelTable* table);
#include "backends/cuda/ops/ops_list.inc"
#undef OP

void RegisterKernels(graph::KernelTable* table) {
#define OP(Name) Register##Name(table);
#include "backends/cuda/ops/ops_list.inc"
#undef OP
}

}  // namespace backends::reference::cuda
