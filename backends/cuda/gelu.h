// GELU by erf and its derivative (ops/gelu.h), in kernels.
#ifndef BACKENDS_CUDA_GELU_H_
#define BACKENDS_CUDA_GELU_H_

#include <cmath>

#include "backends/cuda/device.h"

namespace backends::cuda {

__device__ __forceinline__ float NormalCdf(float x) { return 0.5f + 0.5f * erff(x * 0.707106781f); }

__device__ __forceinline__ float GeluValue(float x) { return x * NormalCdf(x); }

__device__ __forceinline__ float GeluDerivative(float x) {
  return NormalCdf(x) + x * 0.398942280f * expf(-0.5f * x * x);
}

}  // namespace backends::cuda

#endif  // BACKENDS_CUDA_GELU_H_
