#include "backends/cpu/droppos/kernel_table.h"

namespace backends::cpu::droppos {

// droppos_ops.inc is made from ops/droppos/ops.bzl.
#define OP(Name) void Register##Name(graph::KernelTable* table);
#include "ops/droppos/droppos_ops.inc"
#undef OP

void RegisterKernels(graph::KernelTable* table) {
#define OP(Name) Register##Name(table);
#include "ops/droppos/droppos_ops.inc"
#undef OP
}

}  // namespace backends::cpu::droppos
