// MeanRows: a thread has a vector of an image's columns, and neighbours have neighbours, so a warp
// reads whole pieces of a row; the rows of the mean are read once, 308 MB at 512 images of ViT-B/16
// in f32. Blocks are small, because 32 such images have no more than 6144 vectors.
//
// MeanRowsGrad writes as many bytes, by rows as CopyRows does, and takes dy from the cache.
#include "backends/cuda/mean_rows_launch.h"

#include "backends/cuda/device.h"
#include "backends/cuda/rows.h"

namespace backends::cuda {
namespace {

constexpr int kMeanThreads = 64;

template <typename T, typename V>
__global__ void __launch_bounds__(kMeanThreads) MeanRowsKernel(MeanRowsArgs<T> p, int vectors) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * kMeanThreads + threadIdx.x;
  if (i >= p.images * vectors) return;
  const int64_t image = i / vectors;
  const int col = static_cast<int>(i % vectors) * V::count;
  const T* x = p.x + (image * p.range.rows + p.range.start) * p.cols + col;
  float sum[V::count] = {};
#pragma unroll 8
  for (int t = 0; t < p.range.count; ++t, x += p.cols) AddVector<V>(x, sum);
  const float count = static_cast<float>(p.range.count);
  float* const y = p.y + image * p.cols + col;
#pragma unroll
  for (int k = 0; k < V::count; ++k) y[k] = sum[k] / count;
}

// A group of 2^log_lanes threads has a row of dx.
template <typename V>
__global__ void __launch_bounds__(kRowThreads, kRowBlocks)
    MeanRowsGradKernel(MeanRowsGradArgs p, int log_lanes) {
  const int row = RowOfThread(log_lanes);
  if (row >= p.range.rows) return;
  const int lanes = 1 << log_lanes, lane = static_cast<int>(threadIdx.x) & (lanes - 1);
  const bool is_inside = row >= p.range.start && row - p.range.start < p.range.count;
  const float count = static_cast<float>(p.range.count);
  for (int64_t image = blockIdx.y; image < p.images; image += gridDim.y) {
    const float* const dy = p.dy + image * p.cols;
    float* const dx = p.dx + (image * p.range.rows + row) * p.cols;
    for (int col = lane * V::count; col < p.cols; col += lanes * V::count) {
      V v = {};
      if (is_inside) {
        v = Load<V>(dy + col);
#pragma unroll
        for (int k = 0; k < V::count; ++k) v.v[k] /= count;
      }
      Store(dx + col, v);
    }
  }
}

}  // namespace

template <typename T>
int MeanRows(const MeanRowsArgs<T>& p, Stream stream) {
  if (p.images == 0 || p.cols == 0) return 0;
  return VisitWidth<T>(p.cols, [&](auto vector) {
    using V = decltype(vector);
    const int vectors = p.cols / V::count;
    const int64_t blocks = (p.images * vectors + kMeanThreads - 1) / kMeanThreads;
    return CUDA_LAUNCH((MeanRowsKernel<T, V>), static_cast<unsigned>(blocks), kMeanThreads, 0,
                       stream, p, vectors);
  });
}
template int MeanRows(const MeanRowsArgs<float>&, Stream);
template int MeanRows(const MeanRowsArgs<BFloat16>&, Stream);

int MeanRowsGrad(const MeanRowsGradArgs& p, Stream stream) {
  if (p.images == 0 || p.cols == 0) return 0;
  return VisitWidth<float>(p.cols, [&](auto vector) {
    using V = decltype(vector);
    const int log_lanes = LogLanes(p.cols / V::count);
    return CUDA_LAUNCH((MeanRowsGradKernel<V>), RowBlocks(p.images, p.range.rows, log_lanes),
                       kRowThreads, 0, stream, p, log_lanes);
  });
}

}  // namespace backends::cuda
