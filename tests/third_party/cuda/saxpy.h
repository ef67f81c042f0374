// A kernel of the size of a finger: it tests the rule that builds kernels.
#ifndef TESTS_THIRD_PARTY_CUDA_SAXPY_H_
#define TESTS_THIRD_PARTY_CUDA_SAXPY_H_

#include <cstdint>

#include "backends/cuda/launch.h"

// y += a x; a cudaError_t.
int Saxpy(float a, const float* x, int64_t count, float* y, backends::cuda::Stream stream);

#endif  // TESTS_THIRD_PARTY_CUDA_SAXPY_H_
