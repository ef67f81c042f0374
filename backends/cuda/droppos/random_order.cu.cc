// A block has an image. Traffic: a key or the noise, and both orders, once.
#include "backends/cuda/droppos/random_order_launch.h"

#include "backends/cuda/device.h"
#include "backends/cuda/droppos/order.h"

namespace backends::cuda::droppos {
namespace {

__global__ void __launch_bounds__(256) RandomOrderKernel(RandomOrderArgs p) {
  CUDA_DYNAMIC_SHARED(memory);
  uint64_t* const words = reinterpret_cast<uint64_t*>(memory);
  FillWords(p.keys, p.noise, p.purpose, p.count, words);
  __syncthreads();
  const int64_t first = static_cast<int64_t>(blockIdx.x) * p.count;
  for (int i = threadIdx.x; i < p.count; i += blockDim.x) {
    const int rank = Rank(words, p.count, i);
    p.inverse[first + i] = rank;
    p.order[first + rank] = i;
  }
}

}  // namespace

int RandomOrder(const RandomOrderArgs& p, Stream stream) {
  if (p.batch == 0) return 0;
  return CUDA_LAUNCH(RandomOrderKernel, p.batch, OrderThreads(p.count), p.count * sizeof(uint64_t),
                     stream, p);
}

}  // namespace backends::cuda::droppos
