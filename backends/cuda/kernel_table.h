// The CUDA backend.
#ifndef BACKENDS_CUDA_KERNEL_TABLE_H_
#define BACKENDS_CUDA_KERNEL_TABLE_H_

#include "absl/status/statusor.h"
#include "graph/compiler/backend.h"

namespace backends::cuda {

// Kernels for every operator of ops/op_table.h and backends/cuda/ops/op_table.h on GPU `index`, f32
// or bf16; the host uses `threads` threads. CudaDevice::Create has the errors.
absl::StatusOr<graph::Backend> MakeBackend(int index, int threads);

// The backend on no GPU: its name, its capabilities and its table of kernels, which can be asked
// and makes none.
graph::Backend DescribeBackend();

}  // namespace backends::cuda

#endif  // BACKENDS_CUDA_KERNEL_TABLE_H_
