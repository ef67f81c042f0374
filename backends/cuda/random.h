// Random words on the device: the functions of graph/base/random.h, bit for bit.
#ifndef BACKENDS_CUDA_RANDOM_H_
#define BACKENDS_CUDA_RANDOM_H_

#include "backends/cuda/device.h"

namespace backends::cuda {

// RandomWord(key, purpose, index): half of a Philox4x32-10 block.
__device__ inline uint64_t RandomWord(uint64_t key, uint32_t purpose, uint64_t index) {
  uint32_t k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
  uint32_t c0 = static_cast<uint32_t>(index >> 1), c1 = static_cast<uint32_t>(index >> 33);
  uint32_t c2 = purpose, c3 = 0;
#pragma unroll
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t{0xD2511F53u} * c0, p1 = uint64_t{0xCD9E8D57u} * c2;
    c0 = static_cast<uint32_t>(p1 >> 32) ^ c1 ^ k0;
    c1 = static_cast<uint32_t>(p1);
    c2 = static_cast<uint32_t>(p0 >> 32) ^ c3 ^ k1;
    c3 = static_cast<uint32_t>(p0);
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return index & 1 ? c2 | static_cast<uint64_t>(c3) << 32 : c0 | static_cast<uint64_t>(c1) << 32;
}

}  // namespace backends::cuda

#endif  // BACKENDS_CUDA_RANDOM_H_
