#include "backends/cuda/kernel_util.h"
#include "backends/cuda/product.h"

namespace backends::cuda {

void RegisterMatMul(const DevicePtr& device, graph::KernelTable* table) {
  for (const char* type : {"MatMul", "MatMulWeightGrad"}) {
    AddFloat32OrBfloat16(
        table, type, [device](const graph::KernelSpec& spec) { return MakeProduct(device, spec); },
        {"cublaslt", "own"});
  }
}

}  // namespace backends::cuda
