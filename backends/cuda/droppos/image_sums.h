// Sums of a loss in double: of an image by its block, then over the images in index order. Which
// numbers are added in which order depends on shapes alone.
#ifndef BACKENDS_CUDA_DROPPOS_IMAGE_SUMS_H_
#define BACKENDS_CUDA_DROPPOS_IMAGE_SUMS_H_

#include "backends/cuda/device.h"

namespace backends::cuda::droppos {

// Warps of a block that shares out the `rows` of an image, a warp a row.
constexpr int kMaxWarps = 16;
inline unsigned WarpsOf(int64_t rows) {
  return rows < 1 ? 1 : rows < kMaxWarps ? static_cast<unsigned>(rows) : kMaxWarps;
}

// In: the sums of each warp, in its lane 0. Out, in thread 0: those of the block. All threads of
// the block call it, once.
template <int kSums>
__device__ void AddWarps(double (&sums)[kSums]) {
  __shared__ double of_warps[kMaxWarps][kSums];
  if (threadIdx.x % 32 == 0) {
#pragma unroll
    for (int i = 0; i < kSums; ++i) of_warps[threadIdx.x / 32][i] = sums[i];
  }
  __syncthreads();
  if (threadIdx.x != 0) return;
#pragma unroll
  for (int i = 0; i < kSums; ++i) {
    sums[i] = 0;
    for (int warp = 0; warp < static_cast<int>(blockDim.x / 32); ++warp) {
      sums[i] += of_warps[warp][i];
    }
  }
}

// images (batch, kSums): its sums over the images, in all lanes of the warp that calls it. The
// lanes load 32 images together, and each adds them all in order.
template <int kSums>
__device__ void AddImages(const double* images, int batch, double (&sums)[kSums]) {
  const int lane = threadIdx.x % 32;
#pragma unroll
  for (int i = 0; i < kSums; ++i) sums[i] = 0;
  for (int first = 0; first < batch; first += 32) {
    double mine[kSums];
#pragma unroll
    for (int i = 0; i < kSums; ++i) {
      mine[i] = first + lane < batch ? images[static_cast<int64_t>(first + lane) * kSums + i] : 0.0;
    }
    const int count = min(32, batch - first);
    for (int k = 0; k < count; ++k) {
#pragma unroll
      for (int i = 0; i < kSums; ++i) sums[i] += __shfl_sync(kAllLanes, mine[i], k);
    }
  }
}

}  // namespace backends::cuda::droppos

#endif  // BACKENDS_CUDA_DROPPOS_IMAGE_SUMS_H_
