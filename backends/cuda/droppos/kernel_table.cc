#include "backends/cuda/droppos/kernel_table.h"

#include <memory>

#include "backends/cuda/kernel_util.h"

namespace backends::cuda::droppos {

// droppos_list.inc is made from ops/droppos/ops.bzl.
#define OP(Name) void Register##Name(const DevicePtr& device, graph::KernelTable* table);
#include "ops/droppos/droppos_list.inc"
#undef OP

void RegisterKernels(graph::Backend* backend) {
  const DevicePtr device = std::static_pointer_cast<CudaDevice>(backend->device);
#define OP(Name) Register##Name(device, &backend->kernels);
#include "ops/droppos/droppos_list.inc"
#undef OP
}

}  // namespace backends::cuda::droppos
