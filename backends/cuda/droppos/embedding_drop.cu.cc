// A warp has a token: it finds the row that is added, of the table or the mask token, which lie in
// the cache, then reads and writes the token once. At 512 images of 49 tokens of 768 in f32: 77 MB
// read, 77 written.
#include "backends/cuda/droppos/embedding_drop_launch.h"

#include "backends/cuda/fault.h"
#include "backends/cuda/rows.h"

namespace backends::cuda::droppos {
namespace {

// How many of the first `count` positions of an image are dropped. A whole warp calls it.
__device__ int CountDropped(const uint8_t* mask_pos, int count) {
  int dropped = 0;
  for (int first = 0; first < count; first += 32) {
    const int v = first + static_cast<int>(threadIdx.x % 32);
    dropped += __popc(__ballot_sync(kAllLanes, v < count && mask_pos[v] != 0));
  }
  return dropped;
}

// Reports what is wrong with the wrong positions of an image. A whole warp calls it.
template <typename T>
__device__ void CheckWrongPositions(const EmbeddingDropArgs<T>& p, int64_t image) {
  const int lane = threadIdx.x % 32;
  const int ones = CountDropped(p.mask_pos + image * p.visible, p.visible);
  if (ones != p.dropped && lane == 0) {
    // The value is that of the image, whose first element is named.
    ReportFault(p.fault, 4, image * p.visible, ones, p.dropped, p.dropped + 1);
  }
  for (int i = lane; i < p.dropped; i += 32) {
    const int64_t at = image * p.dropped + i;
    IsRow(p.fault, 5, at, p.ids_dropped[at], p.positions);
    IsRow(p.fault, 6, at, p.order[at], p.dropped);
  }
}

// The row of the table that token v of an image, which is dropped, gets, or -1 after a fault. A
// whole warp calls it.
template <typename T>
__device__ int WrongPosition(const EmbeddingDropArgs<T>& p, int64_t image, int v) {
  const int i = CountDropped(p.mask_pos + image * p.visible, v);
  if (i >= p.dropped) return -1;
  const int32_t place = p.order[image * p.dropped + i];
  if (place < 0 || place >= p.dropped) return -1;
  const int32_t id = p.ids_dropped[image * p.dropped + place];
  return id < p.positions ? id : -1;
}

template <typename T, typename V>
__global__ void __launch_bounds__(kRowThreads, kRowBlocks)
    EmbeddingDropKernel(EmbeddingDropArgs<T> p) {
  const int lane = threadIdx.x % 32, v = RowOfThread(5);
  if (v >= p.visible) return;  // a whole warp
  for (int64_t image = blockIdx.y; image < p.images; image += gridDim.y) {
    if (p.order != nullptr && v == 0) CheckWrongPositions(p, image);
    const int64_t row = image * p.visible + v;
    int32_t id = p.ids[row];
    if (id < 0 || id >= p.positions) {
      if (lane == 0) ReportFault(p.fault, 3, row, id, 0, p.positions);
      id = -1;
    }
    const T* position = p.table;
    if (p.mask_pos[row] != 0) {
      if (p.order != nullptr) {
        id = WrongPosition(p, image, v);
      } else {
        position = p.mask_token;
        id = p.mask_token != nullptr ? 0 : -1;
      }
    }
    position += static_cast<int64_t>(id) * p.cols;
    const T* const from = p.tokens + row * p.cols;
    T* const to = p.y + row * p.cols;
    for (int first = 0; first < p.cols; first += kRowVectors * 32 * V::count) {
      float sum[kRowVectors][V::count] = {};
#pragma unroll
      for (int k = 0; k < kRowVectors; ++k) {
        const int col = first + (k * 32 + lane) * V::count;
        if (col < p.cols) AddVector<V>(from + col, sum[k]);
      }
      if (id >= 0) {
#pragma unroll
        for (int k = 0; k < kRowVectors; ++k) {
          const int col = first + (k * 32 + lane) * V::count;
          if (col < p.cols) AddVector<V>(position + col, sum[k]);
        }
      }
#pragma unroll
      for (int k = 0; k < kRowVectors; ++k) {
        const int col = first + (k * 32 + lane) * V::count;
        if (col < p.cols) StoreVector<V>(sum[k], to + col);
      }
    }
  }
}

}  // namespace

template <typename T>
int EmbeddingDrop(const EmbeddingDropArgs<T>& p, Stream stream) {
  if (p.images == 0 || p.visible == 0 || p.cols == 0) return 0;
  return VisitWidth<T>(p.cols, [&](auto vector) {
    return CUDA_LAUNCH((EmbeddingDropKernel<T, decltype(vector)>),
                       RowBlocks(p.images, p.visible, 5), kRowThreads, 0, stream, p);
  });
}

template int EmbeddingDrop(const EmbeddingDropArgs<float>&, Stream);
template int EmbeddingDrop(const EmbeddingDropArgs<BFloat16>&, Stream);

}  // namespace backends::cuda::droppos
