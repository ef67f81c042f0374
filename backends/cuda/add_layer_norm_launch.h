// AddLayerNorm on the device; the contract is ops/add_layer_norm.h. Its gradient is LayerNorm's.
#ifndef BACKENDS_CUDA_ADD_LAYER_NORM_LAUNCH_H_
#define BACKENDS_CUDA_ADD_LAYER_NORM_LAUNCH_H_

#include <cstdint>

#include "backends/cuda/launch.h"

namespace backends::cuda {

template <typename A, typename B, typename Y>
struct AddLayerNormArgs {
  const A* a;  // (rows, cols)
  const B* b;
  const float* gamma;  // (cols)
  const float* beta;
  float* sum;   // (rows, cols); may lie over a or b, where that is float
  Y* y;         // (rows, cols)
  float* mean;  // (rows)
  float* variance;
  int64_t rows;
  int cols;
  float eps;
  const float* scales = nullptr;  // of b, for each `rows_of_image` rows; null: 1
  int64_t rows_of_image = 1;
};

// A cudaError_t. A, B and Y are float or BFloat16. Pointers are 16-byte aligned.
template <typename A, typename B, typename Y>
int AddLayerNorm(const AddLayerNormArgs<A, B, Y>& args, Stream stream);

}  // namespace backends::cuda

#endif  // BACKENDS_CUDA_ADD_LAYER_NORM_LAUNCH_H_
