#include "backends/cuda/entry.h"

#include <memory>
#include <utility>

#include "backends/cuda/cuda_device.h"
#include "backends/cuda/droppos/kernel_table.h"
#include "backends/cuda/kernel_table.h"

#define EXPORTED __attribute__((visibility("default")))

EXPORTED int droppos_cuda_abi() { return backends::cuda::kAbi; }

EXPORTED void droppos_cuda_make_backend(int index, int threads,
                                        absl::StatusOr<graph::Backend>* backend) {
  *backend = backends::cuda::MakeBackend(index, threads);
  if (!backend->ok()) return;
  backends::cuda::droppos::RegisterKernels(&backend->value());
  // cuDNN takes about a second for each new graph. A described GPU asks it for nothing, and plans
  // memory for what it may need.
  const auto& device = static_cast<const backends::cuda::CudaDevice&>(*(*backend)->device);
  absl::StatusOr<graph::Backend> described;
  droppos_cuda_describe_backend(device.properties(), threads, &described);
  if (!described.ok()) {
    *backend = described.status();
    return;
  }
  (*backend)->estimator = std::make_shared<const graph::Backend>(*std::move(described));
}

EXPORTED void droppos_cuda_describe_backend(const backends::cuda::GpuProperties& gpu, int threads,
                                            absl::StatusOr<graph::Backend>* backend) {
  *backend = backends::cuda::DescribeBackend(gpu, threads);
  if (backend->ok()) backends::cuda::droppos::RegisterKernels(&backend->value());
}
