#include "backends/cuda/kernel_util.h"
#include "backends/cuda/product.h"

namespace backends::cuda {

void RegisterLinearGelu(const DevicePtr& device, graph::KernelTable* table) {
  for (const char* type : {"LinearGelu", "MatMulGeluGrad"}) {
    AddFloat32OrBfloat16(
        table, type,
        [device](const graph::KernelSpec& spec) { return MakeProduct(device, spec); },
        {"cublaslt", "cudnn", "own"});
  }
}

}  // namespace backends::cuda
