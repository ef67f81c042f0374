// The CPU kernels of the DropPos plugin.
#ifndef BACKENDS_CPU_DROPPOS_KERNEL_TABLE_H_
#define BACKENDS_CPU_DROPPOS_KERNEL_TABLE_H_

#include "graph/runtime/kernel.h"

namespace backends::cpu::droppos {

// Adds a kernel for every operator of ops/droppos/op_table.h. Kernels take f32;
// for f64 their factories return Unimplemented.
void RegisterKernels(graph::KernelTable* table);

}  // namespace backends::cpu::droppos

#endif  // BACKENDS_CPU_DROPPOS_KERNEL_TABLE_H_
