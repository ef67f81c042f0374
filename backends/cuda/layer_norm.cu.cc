// A warp has a row in its registers: read once, in vectors of 16 bytes, for widths that are
// compiled in; others take the kernels with kCols = 0, which read a row again from the cache.
//
// LayerNormGrad: each block takes a fixed range of rows and sums dgamma and dbeta of it in
// registers, then over its warps in shared memory; a second kernel adds the blocks' sums in
// order. Ranges depend on the number of rows alone, so the bits do not depend on the device.
#include "backends/cuda/layer_norm_launch.h"

#include "backends/cuda/device.h"

namespace backends::cuda {
namespace {

constexpr int kWarps = 4;  // of a block
constexpr int kMaxParts = 264;

int64_t RowsOfPart(int64_t rows) {
  const int64_t least = (rows + kMaxParts - 1) / kMaxParts;
  return (least + kWarps - 1) / kWarps * kWarps;
}
int NumParts(int64_t rows) { return static_cast<int>((rows + RowsOfPart(rows) - 1) / RowsOfPart(rows)); }

// A lane's share of a row of kCols in vectors of kWidth: vectors lane, lane + 32, ...
template <int kCols, int kWidth>
struct Share {
  static constexpr int kVectors = kCols / kWidth;
  static constexpr int kCount = (kVectors + 31) / 32;
  static_assert(kCols % kWidth == 0, "whole vectors");

  // Whether the lane has an i-th vector.
  __device__ static bool Has(int i, int lane) {
    return kVectors % 32 == 0 || i * 32 + lane < kVectors;
  }
  __device__ static int Column(int i, int lane) { return (i * 32 + lane) * kWidth; }

  template <typename T>
  __device__ static void LoadRow(const T* row, int lane, float (&to)[kCount][kWidth]) {
    constexpr int kLoad = 16 / sizeof(T) < kWidth ? 16 / sizeof(T) : kWidth;
#pragma unroll
    for (int i = 0; i < kCount; ++i) {
#pragma unroll
      for (int k = 0; k < kWidth; k += kLoad) {
        Vector<T, kLoad> v = {};
        if (Has(i, lane)) v = Load<Vector<T, kLoad>>(row + Column(i, lane) + k);
#pragma unroll
        for (int j = 0; j < kLoad; ++j) to[i][k + j] = ToFloat(v.v[j]);
      }
    }
  }
  template <typename T>
  __device__ static void StoreRow(const float (&from)[kCount][kWidth], int lane, T* row) {
    constexpr int kStore = 16 / sizeof(T) < kWidth ? 16 / sizeof(T) : kWidth;
#pragma unroll
    for (int i = 0; i < kCount; ++i) {
      if (!Has(i, lane)) continue;
#pragma unroll
      for (int k = 0; k < kWidth; k += kStore) {
        Vector<T, kStore> v;
#pragma unroll
        for (int j = 0; j < kStore; ++j) v.v[j] = FromFloat<T>(from[i][k + j]);
        Store(row + Column(i, lane) + k, v);
      }
    }
  }
};

// A NaN stays one, which fmaxf would not let it.
__device__ float NotNegative(float x) { return x < 0.0f ? 0.0f : x; }

template <typename X, typename Y, int kCols>
__global__ void __launch_bounds__(kWarps * 32) LayerNormKernel(LayerNormArgs<X, Y> p) {
  using S = Share<kCols, 8>;
  const int lane = threadIdx.x % 32;
  const int64_t row = static_cast<int64_t>(blockIdx.x) * kWarps + threadIdx.x / 32;
  if (row >= p.rows) return;  // a whole warp
  float x[S::kCount][8];
  S::LoadRow(p.x + row * kCols, lane, x);
  float sum = 0;
#pragma unroll
  for (int i = 0; i < S::kCount; ++i) {
#pragma unroll
    for (int k = 0; k < 8; ++k) sum += x[i][k];
  }
  const float rough = WarpSum(sum) * (1.0f / kCols);
  // What rounding left of the mean is taken off again: a large mean costs no digits.
  float rest = 0, squares = 0;
#pragma unroll
  for (int i = 0; i < S::kCount; ++i) {
    if (!S::Has(i, lane)) continue;
#pragma unroll
    for (int k = 0; k < 8; ++k) {
      x[i][k] -= rough;
      rest += x[i][k];
      squares += x[i][k] * x[i][k];
    }
  }
  rest = WarpSum(rest) * (1.0f / kCols);
  const float mean = rough + rest;
  const float variance = NotNegative(WarpSum(squares) * (1.0f / kCols) - rest * rest);
  const float scale = 1.0f / sqrtf(variance + p.eps);
  float gamma[S::kCount][8], beta[S::kCount][8];
  S::LoadRow(p.gamma, lane, gamma);
  S::LoadRow(p.beta, lane, beta);
#pragma unroll
  for (int i = 0; i < S::kCount; ++i) {
#pragma unroll
    for (int k = 0; k < 8; ++k) x[i][k] = (x[i][k] - rest) * scale * gamma[i][k] + beta[i][k];
  }
  S::StoreRow(x, lane, p.y + row * kCols);
  if (lane == 0) {
    p.mean[row] = mean;
    p.variance[row] = variance;
  }
}

template <typename X, typename Y>
__global__ void __launch_bounds__(kWarps * 32) LayerNormAnyWidth(LayerNormArgs<X, Y> p) {
  const int lane = threadIdx.x % 32;
  const int64_t row = static_cast<int64_t>(blockIdx.x) * kWarps + threadIdx.x / 32;
  if (row >= p.rows) return;
  const X* x = p.x + row * p.cols;
  float sum = 0, rest = 0, squares = 0;
  for (int i = lane; i < p.cols; i += 32) sum += ToFloat(x[i]);
  const float rough = WarpSum(sum) / p.cols;
  for (int i = lane; i < p.cols; i += 32) {
    const float d = ToFloat(x[i]) - rough;
    rest += d;
    squares += d * d;
  }
  rest = WarpSum(rest) / p.cols;
  const float mean = rough + rest;
  const float variance = NotNegative(WarpSum(squares) / p.cols - rest * rest);
  const float scale = 1.0f / sqrtf(variance + p.eps);
  for (int i = lane; i < p.cols; i += 32) {
    p.y[row * p.cols + i] =
        FromFloat<Y>((ToFloat(x[i]) - rough - rest) * scale * p.gamma[i] + p.beta[i]);
  }
  if (lane == 0) {
    p.mean[row] = mean;
    p.variance[row] = variance;
  }
}

// Sums of the block's rows: scratch[block] = dgamma (cols), dbeta (cols).
template <typename X, typename DY, int kCols>
__global__ void __launch_bounds__(kWarps * 32) LayerNormGradKernel(LayerNormGradArgs<X, DY> p,
                                                                   int64_t rows_of_part) {
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
  float* const part = p.scratch + static_cast<int64_t>(blockIdx.x) * 2 * kCols;
  for (int i = threadIdx.x; i < 2 * kCols; i += kWarps * 32) {
    float sum = 0;
#pragma unroll
    for (int w = 0; w < kWarps; ++w) sum += sums[i / kCols][w][i % kCols];
    part[i] = sum;
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
    dgamma += d * (ToFloat(p.x[row * p.cols + col]) - p.mean[row]) /
              sqrtf(p.variance[row] + p.eps);
    dbeta += d;
  }
  float* const part = p.scratch + static_cast<int64_t>(blockIdx.y) * 2 * p.cols;
  part[col] = dgamma;
  part[p.cols + col] = dbeta;
}

// dgamma and dbeta: the parts in order.
__global__ void AddParts(const float* parts, int count, int cols, float* dgamma, float* dbeta) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= 2 * cols) return;
  float sum = 0;
  for (int part = 0; part < count; ++part) sum += parts[static_cast<int64_t>(part) * 2 * cols + i];
  (i < cols ? dgamma[i] : dbeta[i - cols]) = sum;
}

unsigned Blocks(int64_t items, int64_t of_block) {
  return static_cast<unsigned>((items + of_block - 1) / of_block);
}

}  // namespace

// The zoo's encoder and decoder widths, and those of tests.
#define FOR_EACH_WIDTH(V) V(128) V(192) V(256) V(384) V(512) V(768) V(1024) V(1280)

template <typename X, typename Y>
int LayerNorm(const LayerNormArgs<X, Y>& p, Stream stream) {
  const unsigned blocks = Blocks(p.rows, kWarps);
  switch (p.cols) {
#define WIDTH(kCols) \
  case kCols:        \
    return CUDA_LAUNCH((LayerNormKernel<X, Y, kCols>), blocks, kWarps * 32, 0, stream, p);
    FOR_EACH_WIDTH(WIDTH)
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
#define WIDTH(kCols)                                                                      \
  case kCols:                                                                             \
    error = CUDA_LAUNCH((LayerNormGradKernel<X, DY, kCols>), parts, kWarps * 32, 0, stream, p, \
                        rows_of_part);                                                    \
    break;
    FOR_EACH_WIDTH(WIDTH)
#undef WIDTH
    default:
      error = CUDA_LAUNCH((LayerNormGradSums<X, DY>), dim3(Blocks(p.cols, 128), parts), 128, 0,
                          stream, p, rows_of_part);
      if (error != 0) return error;
      error = CUDA_LAUNCH((LayerNormGradAnyWidth<X, DY>), Blocks(p.rows, kWarps), kWarps * 32, 0,
                          stream, p);
  }
  if (error != 0) return error;
  return CUDA_LAUNCH(AddParts, Blocks(2 * p.cols, 128), 128, 0, stream, p.scratch, parts, p.cols,
                     p.dgamma, p.dbeta);
}

#define INSTANTIATE(A, B)                                       \
  template int LayerNorm(const LayerNormArgs<A, B>&, Stream);   \
  template int LayerNormGrad(const LayerNormGradArgs<A, B>&, Stream);
INSTANTIATE(float, float)
INSTANTIATE(float, BFloat16)
INSTANTIATE(BFloat16, BFloat16)
INSTANTIATE(BFloat16, float)

}  // namespace backends::cuda
