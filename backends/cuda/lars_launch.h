// Lars of any number of parameters on the device; the contract is ops/lars.h.
#ifndef BACKENDS_CUDA_LARS_LAUNCH_H_
#define BACKENDS_CUDA_LARS_LAUNCH_H_

#include <cstddef>
#include <cstdint>

#include "backends/cuda/launch.h"

namespace backends::cuda {

// One parameter, f32. Each new_* may lie over its old one. Pointers are 16-byte aligned.
struct LarsTensor {
  const float *w, *g, *m;
  float *new_w, *new_m;
  int64_t count;
  int factor;  // which of LarsArgs::factors
  float lr_scale, weight_decay;
  bool adapts;  // whether its rate follows from the norms
};

struct LarsArgs {
  const LarsTensor* tensors;  // of the host, read before the call returns
  int num_tensors;
  const float* lr;  // (1)
  const float* factors;
  float momentum, trust;
  double* scratch;  // LarsScratch() of each tensor, together
};

// In doubles, of a tensor of `count` elements.
int64_t LarsScratch(int64_t count);

// A cudaError_t.
int Lars(const LarsArgs& args, Stream stream);

}  // namespace backends::cuda

#endif  // BACKENDS_CUDA_LARS_LAUNCH_H_
