#include "backends/cuda/kernel_util.h"
#include "backends/cuda/product.h"

namespace backends::cuda {

void RegisterLinear(const DevicePtr& device, graph::KernelTable* table) {
  AddFloat32OrBfloat16(
      table, "Linear",
      [device](const graph::KernelSpec& spec) { return MakeProduct(device, spec); },
      {"cublaslt", "cudnn", "own"});
}

}  // namespace backends::cuda
