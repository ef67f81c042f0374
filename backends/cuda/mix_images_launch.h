// MixImages on the device; the contract is ops/mix_images.h.
#ifndef BACKENDS_CUDA_MIX_IMAGES_LAUNCH_H_
#define BACKENDS_CUDA_MIX_IMAGES_LAUNCH_H_

#include <cstdint>

#include "backends/cuda/launch.h"

namespace backends::cuda {

// Images are 16-byte aligned, and y does not lie over them. Of a mode that is none, which is
// reported as of input 1, the group is left as it was.
struct MixImagesArgs {
  const float* images;  // (groups · group, channels, height, width)
  const int32_t* mode;  // (groups)
  const float* lam;     // (groups)
  const int32_t* box;   // (groups, 4)
  float* y;             // like images
  int64_t groups;
  int group, channels, height, width;
  FaultSite fault;
};

// A cudaError_t. No scratch.
int MixImages(const MixImagesArgs& args, Stream stream);

}  // namespace backends::cuda

#endif  // BACKENDS_CUDA_MIX_IMAGES_LAUNCH_H_
