// Permutations on the device, as ops/droppos/mask_sampling.h has them, bit for bit: a block orders
// an image's elements. The place of each is the number of elements before it by (word, index): n²
// comparisons in shared memory, 20 million at 512 images of 196, which no sort is needed for.
#ifndef BACKENDS_CUDA_DROPPOS_ORDER_H_
#define BACKENDS_CUDA_DROPPOS_ORDER_H_

#include "backends/cuda/device.h"
#include "backends/cuda/random.h"

namespace backends::cuda::droppos {

// Threads of a block that orders n elements.
inline unsigned OrderThreads(int n) { return n < 256 ? (n + 31) / 32 * 32 : 256; }

// Orders as floats do, equal zeros equal, every NaN last and equal.
__device__ inline uint64_t NoiseWord(float x) {
  if (x != x) return 0xffffffffu;
  const uint32_t u = x == 0.0f ? 0u : __float_as_uint(x);
  return u & 0x80000000u ? ~u : u | 0x80000000u;
}

// words (n), in shared memory: the random words of the block's image, or where there are no keys
// those of its noise. A barrier must follow.
__device__ inline void FillWords(const int64_t* keys, const float* noise, uint32_t purpose, int n,
                                 uint64_t* words) {
  for (int i = threadIdx.x; i < n; i += blockDim.x) {
    words[i] = keys != nullptr
                   ? RandomWord(static_cast<uint64_t>(keys[blockIdx.x]), purpose, i)
                   : NoiseWord(noise[static_cast<int64_t>(blockIdx.x) * n + i]);
  }
}

// The place of element i.
__device__ inline int Rank(const uint64_t* words, int n, int i) {
  int rank = 0;
  const uint64_t word = words[i];
  for (int j = 0; j < n; ++j) rank += words[j] < word || (words[j] == word && j < i);
  return rank;
}

}  // namespace backends::cuda::droppos

#endif  // BACKENDS_CUDA_DROPPOS_ORDER_H_
