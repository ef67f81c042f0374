#include "backends/cuda/kernel_table.h"

#include "absl/strings/str_cat.h"
#include "backends/cuda/kernel_util.h"
#include "backends/cuda/passes/passes.h"

namespace backends::cuda {

// Of the lines of ops/ops.bzl and backends/cuda/ops/ops.bzl.
#define OP(Name) void Register##Name(const DevicePtr& device, graph::KernelTable* table);
#include "backends/cuda/ops/ops_list.inc"
#include "ops/ops_list.inc"
#undef OP

namespace {

graph::Backend BackendOf(const DevicePtr& device) {
  const GpuProperties& gpu = device->properties();
  graph::Backend backend;
  backend.name = "cuda";
  backend.device = device;
  backend.lowering = MakeLowering;
  backend.capabilities.bf16_products = true;
  backend.capabilities.fast_bf16_products = true;
  backend.description =
      absl::StrCat(gpu.name, ", compute capability ", gpu.major, ".", gpu.minor, ", ",
                   gpu.memory_bytes >> 30, " GiB, ", device->cudnn_text());
#define OP(Name) Register##Name(device, &backend.kernels);
#include "backends/cuda/ops/ops_list.inc"
#include "ops/ops_list.inc"
#undef OP
  return backend;
}

}  // namespace

absl::StatusOr<graph::Backend> MakeBackend(int index, int threads) {
  ASSIGN_OR_RETURN(const DevicePtr device, CudaDevice::Create(index, threads));
  return BackendOf(device);
}

absl::StatusOr<graph::Backend> DescribeBackend(const GpuProperties& gpu, int threads) {
  ASSIGN_OR_RETURN(const DevicePtr device, CudaDevice::Describe(gpu, threads));
  return BackendOf(device);
}

}  // namespace backends::cuda
