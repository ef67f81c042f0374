// PositionWeights, GatheredPositionWeights and TokenRows; the contract is
// ops/droppos/position_weights.h. Each function returns a cudaError_t.
#ifndef BACKENDS_CUDA_DROPPOS_POSITION_WEIGHTS_LAUNCH_H_
#define BACKENDS_CUDA_DROPPOS_POSITION_WEIGHTS_LAUNCH_H_

#include <cstdint>

#include "backends/cuda/launch.h"

namespace backends::cuda::droppos {

struct PositionWeightsArgs {
  const float* features;    // (B, 1+L, D), 16-byte aligned
  const int32_t* ids_keep;  // (B, V), or null
  int batch, patches, visible, dim;
  float tau, min_norm;
  float* weights;  // (B, V), or null and ids_keep too: `full` is all
  float* full;     // (B, L)
  FaultSite fault;
};
// A bad id is a fault, and its patch then has cosine 0.
int PositionWeights(const PositionWeightsArgs& args, Stream stream);

// rows (B, 1+V) from ids_keep (B, V); any number is an id.
int TokenRows(const int32_t* ids_keep, int64_t batch, int64_t visible, int32_t* rows,
              Stream stream);

}  // namespace backends::cuda::droppos

#endif  // BACKENDS_CUDA_DROPPOS_POSITION_WEIGHTS_LAUNCH_H_
