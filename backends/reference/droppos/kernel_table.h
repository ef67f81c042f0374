// The reference kernels of the DropPos plugin.
#ifndef BACKENDS_REFERENCE_DROPPOS_KERNEL_TABLE_H_
#define BACKENDS_REFERENCE_DROPPOS_KERNEL_TABLE_H_

#include "graph/runtime/kernel.h"

namespace backends::reference::droppos {

// Adds a kernel for every operator of ops/droppos/op_table.h.
void RegisterKernels(graph::KernelTable* table);

}  // namespace backends::reference::droppos

#endif  // BACKENDS_REFERENCE_DROPPOS_KERNEL_TABLE_H_
