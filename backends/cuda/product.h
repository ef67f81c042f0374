// MatMul, MatMulWeightGrad and Linear: a product through cuBLASLt, and what it leaves to us.
#ifndef BACKENDS_CUDA_PRODUCT_H_
#define BACKENDS_CUDA_PRODUCT_H_

#include <cstdint>

#include "backends/cuda/kernel_util.h"

namespace backends::cuda {

// Of a product in f32 that waits for our epilogue: a part stays in the L2 cache, of 40 to 50 MiB,
// until that has read it.
constexpr int64_t kProductPartBytes = int64_t{32} << 20;

// The kernel of any of the three. Products that our epilogue finishes are computed in parts of rows,
// each of at most `part_bytes`, or of 256 rows.
KernelOr MakeProduct(const DevicePtr& device, const graph::KernelSpec& spec,
                     int64_t part_bytes = kProductPartBytes);

}  // namespace backends::cuda

#endif  // BACKENDS_CUDA_PRODUCT_H_
