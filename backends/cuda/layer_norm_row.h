// A row in a warp's registers and its normalisation, for LayerNorm and AddLayerNorm.
#ifndef BACKENDS_CUDA_LAYER_NORM_ROW_H_
#define BACKENDS_CUDA_LAYER_NORM_ROW_H_

#include <cmath>
#include <cstdint>

#include "backends/cuda/device.h"

namespace backends::cuda {

constexpr int kNormWarps = 4;  // of a block, a row each

inline unsigned NormBlocks(int64_t items, int64_t of_block) {
  return static_cast<unsigned>((items + of_block - 1) / of_block);
}

// The zoo's encoder and decoder widths, and those of tests.
#define FOR_EACH_NORM_WIDTH(V) V(128) V(192) V(256) V(384) V(512) V(768) V(1024) V(1280)

// The width of a lane's vectors in rows of these types: 16 bytes of the widest, so that each access
// of a warp is one piece of memory.
template <typename... T>
constexpr int kNormVector = ((sizeof(T) == 2) && ...) ? 8 : 4;

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
__device__ __forceinline__ float NotNegative(float x) { return x < 0.0f ? 0.0f : x; }

// y, mean and variance of row `row`, whose elements a warp has in x. Args is LayerNormArgs or
// AddLayerNormArgs; x is used up.
template <int kCols, int kWidth, typename Args>
__device__ __forceinline__ void NormalizeRow(const Args& p, int64_t row, int lane,
                                             float (&x)[Share<kCols, kWidth>::kCount][kWidth]) {
  using S = Share<kCols, kWidth>;
  float sum = 0;
#pragma unroll
  for (int i = 0; i < S::kCount; ++i) {
#pragma unroll
    for (int k = 0; k < kWidth; ++k) sum += x[i][k];
  }
  const float rough = WarpSum(sum) * (1.0f / kCols);
  // What rounding left of the mean is taken off again: a large mean costs no digits.
  float rest = 0, squares = 0;
#pragma unroll
  for (int i = 0; i < S::kCount; ++i) {
    if (!S::Has(i, lane)) continue;
#pragma unroll
    for (int k = 0; k < kWidth; ++k) {
      x[i][k] -= rough;
      rest += x[i][k];
      squares += x[i][k] * x[i][k];
    }
  }
  rest = WarpSum(rest) * (1.0f / kCols);
  const float mean = rough + rest;
  const float variance = NotNegative(WarpSum(squares) * (1.0f / kCols) - rest * rest);
  const float scale = 1.0f / sqrtf(variance + p.eps);
  float gamma[S::kCount][kWidth], beta[S::kCount][kWidth];
  S::LoadRow(p.gamma, lane, gamma);
  S::LoadRow(p.beta, lane, beta);
#pragma unroll
  for (int i = 0; i < S::kCount; ++i) {
#pragma unroll
    for (int k = 0; k < kWidth; ++k) x[i][k] = (x[i][k] - rest) * scale * gamma[i][k] + beta[i][k];
  }
  S::StoreRow(x, lane, p.y + row * kCols);
  if (lane == 0) {
    p.mean[row] = mean;
    p.variance[row] = variance;
  }
}

template <typename T>
__device__ __forceinline__ void StoreElement(float x, T* to) {
  *to = FromFloat<T>(x);
}

// The same for any width: `sum` is that of the lane's elements lane, lane + 32, ..., and read(i)
// gives one of them again.
template <typename Args, typename Read>
__device__ __forceinline__ void NormalizeAnyRow(const Args& p, int64_t row, int lane, float sum,
                                                const Read& read) {
  float rest = 0, squares = 0;
  const float rough = WarpSum(sum) / p.cols;
  for (int i = lane; i < p.cols; i += 32) {
    const float d = read(i) - rough;
    rest += d;
    squares += d * d;
  }
  rest = WarpSum(rest) / p.cols;
  const float mean = rough + rest;
  const float variance = NotNegative(WarpSum(squares) / p.cols - rest * rest);
  const float scale = 1.0f / sqrtf(variance + p.eps);
  auto* const y = p.y + row * p.cols;
  for (int i = lane; i < p.cols; i += 32) {
    StoreElement((read(i) - rough - rest) * scale * p.gamma[i] + p.beta[i], y + i);
  }
  if (lane == 0) {
    p.mean[row] = mean;
    p.variance[row] = variance;
  }
}

}  // namespace backends::cuda

#endif  // BACKENDS_CUDA_LAYER_NORM_ROW_H_
