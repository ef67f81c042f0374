// The CUDA kernels of the DropPos plugin.
#ifndef BACKENDS_CUDA_DROPPOS_KERNEL_TABLE_H_
#define BACKENDS_CUDA_DROPPOS_KERNEL_TABLE_H_

#include "graph/compiler/backend.h"

namespace backends::cuda::droppos {

// Adds a kernel for every operator of ops/droppos/op_table.h to a backend of
// backends/cuda/kernel_table.h.
void RegisterKernels(graph::Backend* backend);

}  // namespace backends::cuda::droppos

#endif  // BACKENDS_CUDA_DROPPOS_KERNEL_TABLE_H_
