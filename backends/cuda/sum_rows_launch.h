// Sums over rows on the device: SumToShape (ops/sum_to_shape.h), dgamma and dbeta of LayerNormGrad,
// and the gradients of DropPos's mask tokens.
#ifndef BACKENDS_CUDA_SUM_ROWS_LAUNCH_H_
#define BACKENDS_CUDA_SUM_ROWS_LAUNCH_H_

#include <cstddef>
#include <cstdint>

#include "backends/cuda/launch.h"

namespace backends::cuda {

// y (cols) = the sum of the rows of x (rows, cols), in float. X is float or BFloat16; pointers are
// 16-byte aligned. The order of the sum depends on the shape and on X alone. Nothing lies in
// place. Returns a cudaError_t.
template <typename X>
struct SumRowsArgs {
  const X* x;
  float* y;
  void* scratch;  // SumRowsScratch<X>() bytes
  int64_t rows, cols;
};
template <typename X>
int SumRows(const SumRowsArgs<X>& args, Stream stream);
template <typename X>
size_t SumRowsScratch(int64_t rows, int64_t cols);

// Of x (2, rows, cols) `first` (cols) becomes the sum of the first rows and `second` that of the
// others, in one launch: for what the blocks of another kernel left. No columns are an error.
int SumTwo(const float* x, int64_t rows, int64_t cols, float* first, float* second, Stream stream);

// y (cols) = the sum of the rows x[b, prefix + r] where mask[b, r] is not 0: in double, and
// otherwise the same.
template <typename X>
struct MaskedRowSumArgs {
  const X* x;           // (images, prefix + rows, cols)
  const uint8_t* mask;  // (images, rows)
  X* y;
  void* scratch;  // MaskedRowSumScratch<X>() bytes
  int64_t images, prefix, rows, cols;
};
template <typename X>
int MaskedRowSum(const MaskedRowSumArgs<X>& args, Stream stream);
template <typename X>
size_t MaskedRowSumScratch(int64_t images, int64_t rows, int64_t cols);

}  // namespace backends::cuda

#endif  // BACKENDS_CUDA_SUM_ROWS_LAUNCH_H_
