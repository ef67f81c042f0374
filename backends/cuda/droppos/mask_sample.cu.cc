// A block has an image. Traffic: a key or the noise, and each output, once.
#include "backends/cuda/droppos/mask_sample_launch.h"

#include "backends/cuda/device.h"
#include "backends/cuda/droppos/order.h"

namespace backends::cuda::droppos {
namespace {

constexpr uint32_t kPatchMask = 1, kPositionMask = 2;  // of ops/droppos/purposes.h

// Shared memory: words (L) u64, then ids (V) i32, which become -1 where the position is kept.
__global__ void __launch_bounds__(256) MaskSampleKernel(MaskSampleArgs p) {
  CUDA_DYNAMIC_SHARED(memory);
  uint64_t* const words = reinterpret_cast<uint64_t*>(memory);
  int32_t* const ids = reinterpret_cast<int32_t*>(words + p.patches);
  const int64_t image = blockIdx.x;

  FillWords(p.keys, p.noise_patch, kPatchMask, p.patches, words);
  __syncthreads();
  for (int i = threadIdx.x; i < p.patches; i += blockDim.x) {
    const int rank = Rank(words, p.patches, i);
    p.ids_restore[image * p.patches + i] = rank;
    p.mask[image * p.patches + i] = rank >= p.visible;
    if (rank < p.visible) {
      p.ids_keep[image * p.visible + rank] = i;
      ids[rank] = i;
    }
  }
  __syncthreads();
  FillWords(p.keys, p.noise_pos, kPositionMask, p.visible, words);
  __syncthreads();
  for (int v = threadIdx.x; v < p.visible; v += blockDim.x) {
    const bool dropped = Rank(words, p.visible, v) >= p.kept;
    p.mask_pos[image * p.visible + v] = dropped;
    if (!dropped) ids[v] = -1;
  }
  __syncthreads();
  for (int v = threadIdx.x; v < p.visible; v += blockDim.x) {
    if (ids[v] < 0) continue;
    int before = 0;
    for (int u = 0; u < v; ++u) before += ids[u] >= 0;
    p.ids_dropped[image * (p.visible - p.kept) + before] = ids[v];
  }
}

}  // namespace

int MaskSample(const MaskSampleArgs& p, Stream stream) {
  if (p.batch == 0) return 0;
  const size_t shared = static_cast<size_t>(p.patches) * 8 + static_cast<size_t>(p.visible) * 4;
  return CUDA_LAUNCH(MaskSampleKernel, p.batch, OrderThreads(p.patches), shared, stream, p);
}

}  // namespace backends::cuda::droppos
