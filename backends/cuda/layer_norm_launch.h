// LayerNorm and LayerNormGrad on the device; the contract is ops/layer_norm.h.
#ifndef BACKENDS_CUDA_LAYER_NORM_LAUNCH_H_
#define BACKENDS_CUDA_LAYER_NORM_LAUNCH_H_

#include <cstddef>
#include <cstdint>

#include "backends/cuda/launch.h"

namespace backends::cuda {

template <typename X, typename Y>
struct LayerNormArgs {
  const X* x;          // (rows, cols)
  const float* gamma;  // (cols)
  const float* beta;
  Y* y;
  float* mean;  // (rows)
  float* variance;
  int64_t rows;
  int cols;
  float eps;
};

template <typename X, typename DY>
struct LayerNormGradArgs {
  const X* x;
  const float* gamma;
  const float* mean;
  const float* variance;
  const DY* dy;
  const float* skip;  // may be null
  float* dx;          // may lie over skip
  float* dgamma;
  float* dbeta;
  float* scratch;  // LayerNormGradScratch() floats
  int64_t rows;
  int cols;
  float eps;
};

// A cudaError_t. X, Y and DY are float or BFloat16. Pointers are 16-byte aligned.
template <typename X, typename Y>
int LayerNorm(const LayerNormArgs<X, Y>& args, Stream stream);
template <typename X, typename DY>
int LayerNormGrad(const LayerNormGradArgs<X, DY>& args, Stream stream);

size_t LayerNormGradScratch(int64_t rows, int cols);

}  // namespace backends::cuda

#endif  // BACKENDS_CUDA_LAYER_NORM_LAUNCH_H_
