// Norms of any number of gradients on the device; the contract is ops/grad_norm.h.
#ifndef BACKENDS_CUDA_GRAD_NORM_LAUNCH_H_
#define BACKENDS_CUDA_GRAD_NORM_LAUNCH_H_

#include <cstddef>
#include <cstdint>

#include "backends/cuda/launch.h"

namespace backends::cuda {

// One gradient, f32, 16-byte aligned.
struct GradNormTensor {
  const float* g;
  float* norm;  // (1)
  int64_t count;
};

// `tensors` are the host's and read before the call returns; `scratch` holds as many doubles as
// the tensors have parts. A cudaError_t.
int GradNorm(const GradNormTensor* tensors, int num_tensors, double* scratch, Stream stream);

// The parts of a tensor, whose squares are summed by themselves.
int64_t GradNormParts(int64_t count);

}  // namespace backends::cuda

#endif  // BACKENDS_CUDA_GRAD_NORM_LAUNCH_H_
