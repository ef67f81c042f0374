// AdamW of any number of parameters on the device; the contract is ops/adamw.h.
#ifndef BACKENDS_CUDA_ADAMW_LAUNCH_H_
#define BACKENDS_CUDA_ADAMW_LAUNCH_H_

#include <cstddef>
#include <cstdint>

#include "backends/cuda/launch.h"

namespace backends::cuda {

// One parameter, f32. Each new_* may lie over its old one. Pointers are 16-byte aligned.
struct AdamWTensor {
  const float *w, *g, *m, *v;
  float *new_w, *new_m, *new_v;
  int64_t count;
  int factor;  // which of AdamWArgs::factors
  float lr_scale, weight_decay;
};

struct AdamWArgs {
  const AdamWTensor* tensors;  // of the host, read before the call returns
  int num_tensors;
  const float* lr;  // (1)
  const float* factors;
  const int32_t* step;  // (1)
  float beta1, beta2, eps;
  double* scratch;  // kAdamWScratch of them
};
constexpr size_t kAdamWScratch = 2;

// A cudaError_t.
int AdamW(const AdamWArgs& args, Stream stream);

}  // namespace backends::cuda

#endif  // BACKENDS_CUDA_ADAMW_LAUNCH_H_
