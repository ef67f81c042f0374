#include "backends/cuda/entry.h"

#include "backends/cuda/droppos/kernel_table.h"
#include "backends/cuda/kernel_table.h"

#define EXPORTED __attribute__((visibility("default")))

EXPORTED int droppos_cuda_abi() { return backends::cuda::kAbi; }

EXPORTED void droppos_cuda_make_backend(int index, int threads,
                                        absl::StatusOr<graph::Backend>* backend) {
  *backend = backends::cuda::MakeBackend(index, threads);
  if (backend->ok()) backends::cuda::droppos::RegisterKernels(&backend->value());
}

EXPORTED void droppos_cuda_describe_backend(const backends::cuda::GpuProperties& gpu, int threads,
                                            absl::StatusOr<graph::Backend>* backend) {
  *backend = backends::cuda::DescribeBackend(gpu, threads);
  if (backend->ok()) backends::cuda::droppos::RegisterKernels(&backend->value());
}
