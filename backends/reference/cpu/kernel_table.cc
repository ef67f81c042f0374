#include "backends/reference/cpu/kernel_table.h"

namespace backends::reference::cpu {

// Of the lines of backends/cpu/ops/ops.bzl.
#define OP(Name) void Register##Name(graph::KernelTable* table);
#include "backends/cpu/ops/ops_list.inc"
#undef OP

void RegisterKernels(graph::KernelTable* table) {
#define OP(Name) Register##Name(table);
#include "backends/cpu/ops/ops_list.inc"
#undef OP
}

}  // namespace backends::reference::cpu
