#include "backends/cuda/kernel_util.h"
#include "backends/cuda/product.h"

namespace backends::cuda {

void RegisterLinearWeightGrad(const DevicePtr& device, graph::KernelTable* table) {
  AddFloat32OrBfloat16(
      table, "LinearWeightGrad",
      [device](const graph::KernelSpec& spec) { return MakeProduct(device, spec); },
      {"cublaslt", "own"});
}

}  // namespace backends::cuda
