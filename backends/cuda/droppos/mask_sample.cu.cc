// A block has an image. The place of an element in the stable order is the number of elements
// before it, by (word, index): L² comparisons in shared memory, 20 million at 512 images of 196.
#include "backends/cuda/droppos/mask_sample_launch.h"

#include "backends/cuda/device.h"
#include "backends/cuda/random.h"

namespace backends::cuda::droppos {
namespace {

constexpr int kThreads = 256;
constexpr uint32_t kPatchMask = 1, kPositionMask = 2;  // graph::Purpose

// Orders as floats do, equal zeros equal, every NaN last and equal.
__device__ uint64_t NoiseWord(float x) {
  if (x != x) return 0xffffffffu;
  const uint32_t u = x == 0.0f ? 0u : __float_as_uint(x);
  return u & 0x80000000u ? ~u : u | 0x80000000u;
}

__device__ void FillWords(const int64_t* keys, const float* noise, uint32_t purpose, int n,
                          uint64_t* words) {
  for (int i = threadIdx.x; i < n; i += kThreads) {
    words[i] = keys != nullptr
                   ? RandomWord(static_cast<uint64_t>(keys[blockIdx.x]), purpose, i)
                   : NoiseWord(noise[static_cast<int64_t>(blockIdx.x) * n + i]);
  }
}

__device__ int Rank(const uint64_t* words, int n, int i) {
  int rank = 0;
  const uint64_t word = words[i];
  for (int j = 0; j < n; ++j) rank += words[j] < word || (words[j] == word && j < i);
  return rank;
}

// Shared memory: words (L) u64, then ids (V) i32 and dropped (V) u8.
__global__ void __launch_bounds__(kThreads) MaskSampleKernel(MaskSampleArgs p) {
  CUDA_DYNAMIC_SHARED(memory);
  uint64_t* const words = reinterpret_cast<uint64_t*>(memory);
  int32_t* const ids = reinterpret_cast<int32_t*>(words + p.patches);
  uint8_t* const dropped = reinterpret_cast<uint8_t*>(ids + p.visible);
  const int64_t image = blockIdx.x;

  FillWords(p.keys, p.noise_patch, kPatchMask, p.patches, words);
  __syncthreads();
  for (int i = threadIdx.x; i < p.patches; i += kThreads) {
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
  for (int v = threadIdx.x; v < p.visible; v += kThreads) {
    dropped[v] = Rank(words, p.visible, v) >= p.kept;
    p.mask_pos[image * p.visible + v] = dropped[v];
  }
  __syncthreads();
  for (int v = threadIdx.x; v < p.visible; v += kThreads) {
    if (dropped[v] == 0) continue;
    int before = 0;
    for (int u = 0; u < v; ++u) before += dropped[u];
    p.ids_dropped[image * (p.visible - p.kept) + before] = ids[v];
  }
}

}  // namespace

int MaskSample(const MaskSampleArgs& p, Stream stream) {
  const size_t shared = static_cast<size_t>(p.patches) * 8 + static_cast<size_t>(p.visible) * 5;
  return CUDA_LAUNCH(MaskSampleKernel, p.batch, kThreads, shared, stream, p);
}

}  // namespace backends::cuda::droppos
