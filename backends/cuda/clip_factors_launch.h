// ClipFactors on the device; the contract is ops/clip_factors.h.
#ifndef BACKENDS_CUDA_CLIP_FACTORS_LAUNCH_H_
#define BACKENDS_CUDA_CLIP_FACTORS_LAUNCH_H_

#include <cstdint>

#include "backends/cuda/launch.h"

namespace backends::cuda {

struct ClipFactorsArgs {
  const float* losses;  // (num_losses)
  int64_t num_losses;
  const float* limit;         // (1)
  const graph::Fault* fault;  // of the run so far
  const void* const* norms;   // num_norms of the host's pointers to (1) float, read before return
  int num_norms;
  float max_norm;  // 0: no clipping
  bool global;
  float* factors;      // (num_norms)
  float* global_norm;  // (1)
  int32_t* clipped;    // (1)
  int32_t* applied;    // (1)
  float* scratch;      // num_norms
};

// A cudaError_t.
int ClipFactors(const ClipFactorsArgs& args, Stream stream);

}  // namespace backends::cuda

#endif  // BACKENDS_CUDA_CLIP_FACTORS_LAUNCH_H_
