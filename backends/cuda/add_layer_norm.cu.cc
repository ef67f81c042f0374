// As LayerNorm: a warp has a row in its registers, for widths that are compiled in, and reads it
// again from the cache for others. Reads a and b and writes sum and y once: with f32 for a, b and
// sum and bf16 for y, 14 bytes an element.
#include "backends/cuda/add_layer_norm_launch.h"

#include "backends/cuda/device.h"
#include "backends/cuda/layer_norm_row.h"

namespace backends::cuda {
namespace {

// Without scales b is multiplied by one, which changes no bit.
template <typename Args>
__device__ __forceinline__ float ScaleOf(const Args& p, int64_t row) {
  return p.scales == nullptr ? 1.0f : p.scales[row / p.rows_of_image];
}

template <typename A, typename B, typename Y, int kCols>
__global__ void __launch_bounds__(kNormWarps * 32) AddLayerNormKernel(AddLayerNormArgs<A, B, Y> p) {
  constexpr int kWidth = 4;  // of sum, which is float
  using S = Share<kCols, kWidth>;
  const int lane = threadIdx.x % 32;
  const int64_t row = static_cast<int64_t>(blockIdx.x) * kNormWarps + threadIdx.x / 32;
  if (row >= p.rows) return;  // a whole warp
  const float scale = ScaleOf(p, row);  // before the row: the division takes registers
  float x[S::kCount][kWidth], b[S::kCount][kWidth];
  S::LoadRow(p.a + row * kCols, lane, x);
  S::LoadRow(p.b + row * kCols, lane, b);
#pragma unroll
  for (int i = 0; i < S::kCount; ++i) {
#pragma unroll
    for (int k = 0; k < kWidth; ++k) x[i][k] += scale * b[i][k];
  }
  S::StoreRow(x, lane, p.sum + row * kCols);
  NormalizeRow<kCols, kWidth>(p, row, lane, x);
}

template <typename A, typename B, typename Y>
__global__ void __launch_bounds__(kNormWarps * 32)
    AddLayerNormAnyWidth(AddLayerNormArgs<A, B, Y> p) {
  const int lane = threadIdx.x % 32;
  const int64_t row = static_cast<int64_t>(blockIdx.x) * kNormWarps + threadIdx.x / 32;
  if (row >= p.rows) return;  // a whole warp
  const A* const a = p.a + row * p.cols;
  const B* const b = p.b + row * p.cols;
  float* const sums = p.sum + row * p.cols;  // each lane reads what it wrote itself
  const float scale = ScaleOf(p, row);
  float sum = 0;
  for (int i = lane; i < p.cols; i += 32) {
    const float x = ToFloat(a[i]) + scale * ToFloat(b[i]);
    sums[i] = x;
    sum += x;
  }
  NormalizeAnyRow(p, row, lane, sum, [&](int i) { return sums[i]; });
}

}  // namespace

template <typename A, typename B, typename Y>
int AddLayerNorm(const AddLayerNormArgs<A, B, Y>& p, Stream stream) {
  if (p.rows == 0) return 0;
  const unsigned blocks = NormBlocks(p.rows, kNormWarps);
  switch (p.cols) {
#define WIDTH(kCols) \
  case kCols:        \
    return CUDA_LAUNCH((AddLayerNormKernel<A, B, Y, kCols>), blocks, kNormWarps * 32, 0, stream, p);
    FOR_EACH_NORM_WIDTH(WIDTH)
#undef WIDTH
    default:
      return CUDA_LAUNCH((AddLayerNormAnyWidth<A, B, Y>), blocks, kNormWarps * 32, 0, stream, p);
  }
}

#define INSTANTIATE(A, B)                                                  \
  template int AddLayerNorm(const AddLayerNormArgs<A, B, float>&, Stream); \
  template int AddLayerNorm(const AddLayerNormArgs<A, B, BFloat16>&, Stream);
INSTANTIATE(float, float)
INSTANTIATE(float, BFloat16)
INSTANTIATE(BFloat16, float)
INSTANTIATE(BFloat16, BFloat16)

}  // namespace backends::cuda
