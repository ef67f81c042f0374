#include "backends/reference/droppos/kernel_table.h"

namespace backends::reference::droppos {

// droppos_list.inc is made from ops/droppos/ops.bzl.
#define OP(Name) void Register##Name(graph::KernelTable* table);
#include "ops/droppos/droppos_list.inc"
#undef OP

void RegisterKernels(graph::KernelTable* table) {
#define OP(Name) Register##Name(table);
#include "ops/droppos/droppos_list.inc"
#undef OP
}

}  // namespace backends::reference::droppos
