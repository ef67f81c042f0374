#include "backends/cuda/kernel_util.h"
#include "backends/cuda/product.h"

namespace backends::cuda {

void RegisterMatMul(const DevicePtr& device, graph::KernelTable* table) {
  const auto make = [device](const graph::KernelSpec& spec) { return MakeProduct(device, spec); };
  AddFloat32OrBfloat16(table, "MatMul", make, {"cublaslt", "cudnn", "own"});
  AddFloat32OrBfloat16(table, "MatMulWeightGrad", make, {"cublaslt", "own"});
}

}  // namespace backends::cuda
