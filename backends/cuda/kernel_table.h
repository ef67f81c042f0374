// The CUDA backend.
#ifndef BACKENDS_CUDA_KERNEL_TABLE_H_
#define BACKENDS_CUDA_KERNEL_TABLE_H_

#include "absl/status/statusor.h"
#include "graph/compiler/backend.h"

namespace backends::cuda {

// Kernels for every operator of ops/op_table.h and backends/cuda/ops/op_table.h on GPU `index` (CudaDevice::Create has the errors),
// f32 or bf16; the host uses `threads` threads.
absl::StatusOr<graph::Backend> MakeBackend(int index, int threads);

}  // namespace backends::cuda

#endif  // BACKENDS_CUDA_KERNEL_TABLE_H_
