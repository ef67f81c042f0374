// MatMul, MatMulWeightGrad, Linear, and the operators of backends/cuda/ops, which are products with
// an epilogue: through cuDNN where it fuses that, else a product through cuBLASLt and what it
// leaves to us.
#ifndef BACKENDS_CUDA_PRODUCT_H_
#define BACKENDS_CUDA_PRODUCT_H_

#include <cstdint>

#include "backends/cuda/kernel_util.h"

namespace backends::cuda {

struct ProductOptions {
  // Of a product in f32 that waits for our epilogue: a part stays in the L2 cache, of 40 to 50 MiB,
  // until that has read it. Parts are of whole 256 rows.
  int64_t part_bytes = int64_t{32} << 20;
  // Without cuDNN, its products are cuBLASLt's; without that, all others are our own, as those are
  // that the library refuses.
  bool cudnn = true, library = true;
};

// The kernel of any of them.
KernelOr MakeProduct(const DevicePtr& device, const graph::KernelSpec& spec,
                     const ProductOptions& options = {});

}  // namespace backends::cuda

#endif  // BACKENDS_CUDA_PRODUCT_H_
