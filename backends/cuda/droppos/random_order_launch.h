// RandomOrder; the contract is ops/droppos/random_order.h. Bit-equal to every backend.
#ifndef BACKENDS_CUDA_DROPPOS_RANDOM_ORDER_LAUNCH_H_
#define BACKENDS_CUDA_DROPPOS_RANDOM_ORDER_LAUNCH_H_

#include <cstdint>

#include "backends/cuda/launch.h"

namespace backends::cuda::droppos {

struct RandomOrderArgs {
  const int64_t* keys;  // (B), or null and
  const float* noise;   // (B, N)
  uint32_t purpose;     // of the keys
  int batch, count;     // count up to kMaxCount
  int32_t* order;       // (B, N)
  int32_t* inverse;     // (B, N)
};
constexpr int kMaxCount = 4096;  // words of 8 bytes in shared memory
int RandomOrder(const RandomOrderArgs& args, Stream stream);  // a cudaError_t

}  // namespace backends::cuda::droppos

#endif  // BACKENDS_CUDA_DROPPOS_RANDOM_ORDER_LAUNCH_H_
