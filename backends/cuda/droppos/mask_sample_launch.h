// MaskSample; the contract is ops/droppos/mask_sample.h. Bit-equal to every backend.
#ifndef BACKENDS_CUDA_DROPPOS_MASK_SAMPLE_LAUNCH_H_
#define BACKENDS_CUDA_DROPPOS_MASK_SAMPLE_LAUNCH_H_

#include <cstdint>

#include "backends/cuda/launch.h"

namespace backends::cuda::droppos {

struct MaskSampleArgs {
  const int64_t* keys;       // (B), or null and both of
  const float* noise_patch;  // (B, L)
  const float* noise_pos;    // (B, V)
  int batch, patches, visible, kept;  // patches up to kMaxPatches
  int32_t* ids_keep;     // (B, V)
  uint8_t* mask;         // (B, L)
  int32_t* ids_restore;  // (B, L)
  uint8_t* mask_pos;     // (B, V)
  int32_t* ids_dropped;  // (B, V - K)
};
constexpr int kMaxPatches = 4096;  // 12 bytes of shared memory each, if all are visible
int MaskSample(const MaskSampleArgs& args, Stream stream);  // a cudaError_t

}  // namespace backends::cuda::droppos

#endif  // BACKENDS_CUDA_DROPPOS_MASK_SAMPLE_LAUNCH_H_
