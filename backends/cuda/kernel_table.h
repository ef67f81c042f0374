// The CUDA backend.
#ifndef BACKENDS_CUDA_KERNEL_TABLE_H_
#define BACKENDS_CUDA_KERNEL_TABLE_H_

#include "absl/status/statusor.h"
#include "backends/cuda/gpu_properties.h"
#include "graph/compiler/backend.h"

namespace backends::cuda {

// Kernels for every operator of ops/op_table.h and backends/cuda/ops/op_table.h on GPU `index`, f32
// or bf16; the host uses `threads` threads. CudaDevice::Create has the errors.
absl::StatusOr<graph::Backend> MakeBackend(int index, int threads);

// The same for a GPU that need not be there, nor a driver (CudaDevice::Describe): nets are compiled
// and planned, and nothing runs. cuBLASLt is taken to have an algorithm for
// each product with all that it is asked to fuse, and to want the largest workspace.
absl::StatusOr<graph::Backend> DescribeBackend(const GpuProperties& gpu, int threads);

}  // namespace backends::cuda

#endif  // BACKENDS_CUDA_KERNEL_TABLE_H_
