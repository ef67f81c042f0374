// A warp has a row in its registers: read once, in vectors, for widths that are compiled in; others
// take the kernels of any width, which read a row again from the cache.
//
// LayerNormGrad: each block takes a fixed range of rows and sums dgamma and dbeta of it in
// registers, then over its warps in shared memory; SumTwo() adds the blocks' sums. Ranges depend on
// the number of rows alone, so the bits do not depend on the device.
#include "backends/cuda/layer_norm_launch.h"

#include "backends/cuda/device.h"
#include "backends/cuda/layer_norm_row.h"
#include "backends/cuda/sum_rows_launch.h"

namespace backends::cuda {
namespace {

constexpr int kWarps = kNormWarps;
constexpr int kMaxParts = 264;

int64_t RowsOfPart(int64_t rows) {
  const int64_t least = (rows + kMaxParts - 1) / kMaxParts;
  return (least + kWarps - 1) / kWarps * kWarps;
}
// At least one, which writes the zeros of no rows.
int NumParts(int64_t rows) {
  return rows == 0 ? 1 : static_cast<int>((rows + RowsOfPart(rows) - 1) / RowsOfPart(rows));
}

template <typename X, typename Y, int kCols>
__global__ void __launch_bounds__(kWarps * 32) LayerNormKernel(LayerNormArgs<X, Y> p) {
  constexpr int kWidth = kNormVector<X, Y>;
  using S = Share<kCols, kWidth>;
  const int lane = threadIdx.x % 32;
  const int64_t row = static_cast<int64_t>(blockIdx.x) * kWarps + threadIdx.x / 32;
  if (row >= p.rows) return;  // a whole warp
  float x[S::kCount][kWidth];
  S::LoadRow(p.x + row * kCols, lane, x);
  NormalizeRow<kCols, kWidth>(p, row, lane, x);
}

template <typename X, typename Y>
__global__ void __launch_bounds__(kWarps * 32) LayerNormAnyWidth(LayerNormArgs<X, Y> p) {
  const int lane = threadIdx.x % 32;
  const int64_t row = static_cast<int64_t>(blockIdx.x) * kWarps + threadIdx.x / 32;
  if (row >= p.rows) return;
  const X* x = p.x + row * p.cols;
  float sum = 0;
  for (int i = lane; i < p.cols; i += 32) sum += ToFloat(x[i]);
  NormalizeAnyRow(p, row, lane, sum, [&](int i) { return ToFloat(x[i]); });
}

// Sums of the block's rows go to scratch (2, blocks, cols): dgamma, dbeta.
template <typename X, typename DY, int kCols>
__global__ void __launch_bounds__(kWarps * 32)
    LayerNormGradKernel(LayerNormGradArgs<X, DY> p, int64_t rows_of_part) {
  using S = Share<kCols, 4>;
  __shared__ float sums[2][kWarps][kCols];
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  float gamma[S::kCount][4], dgamma[S::kCount][4] = {}, dbeta[S::kCount][4] = {};
  S::LoadRow(p.gamma, lane, gamma);
  const int64_t begin = blockIdx.x * rows_of_part;
  const int64_t end = begin + rows_of_part < p.rows ? begin + rows_of_part : p.rows;
  for (int64_t row = begin + warp; row < end; row += kWarps) {
    float x[S::kCount][4], dy[S::kCount][4];
    S::LoadRow(p.x + row * kCols, lane, x);
    S::LoadRow(p.dy + row * kCols, lane, dy);
    const float mean = p.mean[row];
    const float scale = 1.0f / sqrtf(p.variance[row] + p.eps);
    float sum = 0, sum_normed = 0;
#pragma unroll
    for (int i = 0; i < S::kCount; ++i) {
#pragma unroll
      for (int k = 0; k < 4; ++k) {
        const float normed = S::Has(i, lane) ? (x[i][k] - mean) * scale : 0.0f;
        dgamma[i][k] += dy[i][k] * normed;
        dbeta[i][k] += dy[i][k];
        const float g = dy[i][k] * gamma[i][k];
        sum += g;
        sum_normed += g * normed;
        x[i][k] = normed;
        dy[i][k] = g;
      }
    }
    const float average = WarpSum(sum) * (1.0f / kCols);
    const float average_normed = WarpSum(sum_normed) * (1.0f / kCols);
#pragma unroll
    for (int i = 0; i < S::kCount; ++i) {
#pragma unroll
      for (int k = 0; k < 4; ++k) {
        dy[i][k] = (dy[i][k] - average - x[i][k] * average_normed) * scale;
      }
    }
    if (p.skip != nullptr) {
      S::LoadRow(p.skip + row * kCols, lane, x);
#pragma unroll
      for (int i = 0; i < S::kCount; ++i) {
#pragma unroll
        for (int k = 0; k < 4; ++k) dy[i][k] += x[i][k];
      }
    }
    S::StoreRow(dy, lane, p.dx + row * kCols);
  }
  S::StoreRow(dgamma, lane, sums[0][warp]);
  S::StoreRow(dbeta, lane, sums[1][warp]);
  __syncthreads();
#pragma unroll
  for (int which = 0; which < 2; ++which) {
    float* const part = p.scratch + (static_cast<int64_t>(which) * gridDim.x + blockIdx.x) * kCols;
    for (int i = threadIdx.x; i < kCols; i += kWarps * 32) {
      float sum = 0;
#pragma unroll
      for (int w = 0; w < kWarps; ++w) sum += sums[which][w][i];
      part[i] = sum;
    }
  }
}

template <typename X, typename DY>
__global__ void __launch_bounds__(kWarps * 32) LayerNormGradAnyWidth(LayerNormGradArgs<X, DY> p) {
  const int lane = threadIdx.x % 32;
  const int64_t row = static_cast<int64_t>(blockIdx.x) * kWarps + threadIdx.x / 32;
  if (row >= p.rows) return;
  const X* x = p.x + row * p.cols;
  const DY* dy = p.dy + row * p.cols;
  const float mean = p.mean[row], scale = 1.0f / sqrtf(p.variance[row] + p.eps);
  float sum = 0, sum_normed = 0;
  for (int i = lane; i < p.cols; i += 32) {
    const float g = ToFloat(dy[i]) * p.gamma[i];
    sum += g;
    sum_normed += g * (ToFloat(x[i]) - mean) * scale;
  }
  const float average = WarpSum(sum) / p.cols, average_normed = WarpSum(sum_normed) / p.cols;
  for (int i = lane; i < p.cols; i += 32) {
    const float normed = (ToFloat(x[i]) - mean) * scale;
    const float d = (ToFloat(dy[i]) * p.gamma[i] - average - normed * average_normed) * scale;
    const int64_t at = row * p.cols + i;
    p.dx[at] = p.skip == nullptr ? d : d + p.skip[at];
  }
}

// Of any width, from x and dy: one thread a column, rows in order. Before dx is written over dy.
template <typename X, typename DY>
__global__ void LayerNormGradSums(LayerNormGradArgs<X, DY> p, int64_t rows_of_part) {
  const int col = blockIdx.x * blockDim.x + threadIdx.x;
  if (col >= p.cols) return;
  const int64_t begin = blockIdx.y * rows_of_part;
  const int64_t end = begin + rows_of_part < p.rows ? begin + rows_of_part : p.rows;
  float dgamma = 0, dbeta = 0;
  for (int64_t row = begin; row < end; ++row) {
    const float d = ToFloat(p.dy[row * p.cols + col]);
    dgamma += d * (ToFloat(p.x[row * p.cols + col]) - p.mean[row]) / sqrtf(p.variance[row] + p.eps);
    dbeta += d;
  }
  float* const part = p.scratch + static_cast<int64_t>(blockIdx.y) * p.cols + col;
  *part = dgamma;
  part[static_cast<int64_t>(gridDim.y) * p.cols] = dbeta;
}

}  // namespace

template <typename X, typename Y>
int LayerNorm(const LayerNormArgs<X, Y>& p, Stream stream) {
  if (p.rows == 0) return 0;
  const unsigned blocks = NormBlocks(p.rows, kWarps);
  switch (p.cols) {
#define WIDTH(kCols) \
  case kCols:        \
    return CUDA_LAUNCH((LayerNormKernel<X, Y, kCols>), blocks, kWarps * 32, 0, stream, p);
    FOR_EACH_NORM_WIDTH(WIDTH)
#undef WIDTH
    default:
      return CUDA_LAUNCH((LayerNormAnyWidth<X, Y>), blocks, kWarps * 32, 0, stream, p);
  }
}

size_t LayerNormGradScratch(int64_t rows, int cols) {
  return static_cast<size_t>(NumParts(rows)) * 2 * cols;
}

template <typename X, typename DY>
int LayerNormGrad(const LayerNormGradArgs<X, DY>& p, Stream stream) {
  const int64_t rows_of_part = RowsOfPart(p.rows);
  const int parts = NumParts(p.rows);
  int error = 0;
  switch (p.cols) {
#define WIDTH(kCols)                                                                           \
  case kCols:                                                                                  \
    error = CUDA_LAUNCH((LayerNormGradKernel<X, DY, kCols>), parts, kWarps * 32, 0, stream, p, \
                        rows_of_part);                                                         \
    break;
    FOR_EACH_NORM_WIDTH(WIDTH)
#undef WIDTH
    default:
      error = CUDA_LAUNCH((LayerNormGradSums<X, DY>), dim3(NormBlocks(p.cols, 128), parts), 128, 0,
                          stream, p, rows_of_part);
      if (error != 0 || p.rows == 0) break;
      error = CUDA_LAUNCH((LayerNormGradAnyWidth<X, DY>), NormBlocks(p.rows, kWarps), kWarps * 32,
                          0, stream, p);
  }
  if (error != 0) return error;
  return SumTwo(p.scratch, parts, p.cols, p.dgamma, p.dbeta, stream);
}

#define INSTANTIATE(A, B)                                     \
  template int LayerNorm(const LayerNormArgs<A, B>&, Stream); \
  template int LayerNormGrad(const LayerNormGradArgs<A, B>&, Stream);
INSTANTIATE(float, float)
INSTANTIATE(float, BFloat16)
INSTANTIATE(BFloat16, BFloat16)
INSTANTIATE(BFloat16, float)

}  // namespace backends::cuda
