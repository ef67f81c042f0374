// The reference kernels of the operators that only the CUDA backend's passes make: what its kernels
// and passes are tested against. The reference backend does not have them.
#ifndef BACKENDS_REFERENCE_CUDA_KERNEL_TABLE_H_
#define BACKENDS_REFERENCE_CUDA_KERNEL_TABLE_H_

#include "graph/runtime/kernel.h"

namespace backends::reference::cuda {

// Adds a kernel for every operator of backends/cuda/ops/op_table.h.
void RegisterKernels(graph::KernelTable* table);

}  // namespace backends::reference::cuda

#endif  // BACKENDS_REFERENCE_CUDA_KERNEL_TABLE_H_
