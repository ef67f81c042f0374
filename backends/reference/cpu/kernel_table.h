// The reference kernels of the operators that only the CPU's passes make: what the CPU's kernels
// and passes are tested against. The reference backend does not have them.
#ifndef BACKENDS_REFERENCE_CPU_KERNEL_TABLE_H_
#define BACKENDS_REFERENCE_CPU_KERNEL_TABLE_H_

#include "graph/runtime/kernel.h"

namespace backends::reference::cpu {

// Adds a kernel for every operator of backends/cpu/ops/op_table.h.
void RegisterKernels(graph::KernelTable* table);

}  // namespace backends::reference::cpu

#endif  // BACKENDS_REFERENCE_CPU_KERNEL_TABLE_H_
