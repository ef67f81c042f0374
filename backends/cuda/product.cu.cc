// Both kernels move each byte once, a thread a vector of eight numbers where rows are whole vectors:
// the epilogue 4 bytes of the product, those of y and those of times an element, padding 4 bytes.
#include "backends/cuda/product_launch.h"

#include "backends/cuda/device.h"

namespace backends::cuda {
namespace {

constexpr int kThreads = 256;

// Division of 64 bits costs more than all else here.
__device__ int64_t Divide(int64_t a, int64_t b) {
  if ((a | b) <= 0xffffffffll) return static_cast<uint32_t>(a) / static_cast<uint32_t>(b);
  return a / b;
}

template <int kWidth, typename T>
__device__ void LoadFloats(const T* from, float (&to)[kWidth]) {
  if constexpr (kWidth == 1) {
    to[0] = ToFloat(*from);
  } else {
    constexpr int kLoad = 16 / sizeof(T);
#pragma unroll
    for (int i = 0; i < kWidth; i += kLoad) {
      const auto v = Load<Vector<T, kLoad>>(from + i);
#pragma unroll
      for (int k = 0; k < kLoad; ++k) to[i + k] = ToFloat(v.v[k]);
    }
  }
}

template <int kWidth, typename T>
__device__ void StoreFloats(const float (&from)[kWidth], T* to) {
  if constexpr (kWidth == 1) {
    *to = FromFloat<T>(from[0]);
  } else {
    constexpr int kStore = 16 / sizeof(T);
#pragma unroll
    for (int i = 0; i < kWidth; i += kStore) {
      Vector<T, kStore> v;
#pragma unroll
      for (int k = 0; k < kStore; ++k) v.v[k] = FromFloat<T>(from[i + k]);
      Store(to + i, v);
    }
  }
}

template <int kWidth, typename Y, typename Times>
__global__ void __launch_bounds__(kThreads) EpilogueKernel(ProductEpilogueArgs<Y, Times> p) {
  const int64_t vector = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  const int64_t of_row = p.cols / kWidth;
  if (vector >= p.rows * of_row) return;
  const int64_t at = vector * kWidth;
  float x[kWidth] = {}, other[kWidth];
  if (p.product != nullptr) LoadFloats(p.product + at, x);
  if (p.bias != nullptr) {
    LoadFloats(p.bias + (vector - Divide(vector, of_row) * of_row) * kWidth, other);
#pragma unroll
    for (int i = 0; i < kWidth; ++i) x[i] += other[i];
  }
  if (p.gelu) {
#pragma unroll
    for (int i = 0; i < kWidth; ++i) x[i] *= 0.5f + 0.5f * erff(x[i] * 0.70710678118654752f);
  }
  if (p.times != nullptr) {
    LoadFloats(p.times + at, other);
#pragma unroll
    for (int i = 0; i < kWidth; ++i) x[i] *= other[i];
  }
  StoreFloats(x, p.y + at);
}

// kWidth: numbers of a load, which the rows they come from are aligned to.
template <int kWidth>
__global__ void __launch_bounds__(kThreads) PadRowsKernel(PadRowsArgs p) {
  const int64_t vector = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  const int64_t of_row = p.stride / 8;
  if (vector >= p.rows * of_row) return;
  const int64_t row = Divide(vector, of_row), at = (vector - row * of_row) * 8;
  const BFloat16* const from = p.from + row * p.cols;
  Vector<BFloat16, 8> v = {};
#pragma unroll
  for (int i = 0; i < 8; i += kWidth) {
    if (at + i >= p.cols) continue;
    if constexpr (kWidth == 1) {
      v.v[i] = from[at + i];
    } else {
      const auto part = Load<Vector<BFloat16, kWidth>>(from + at + i);
#pragma unroll
      for (int k = 0; k < kWidth; ++k) v.v[i + k] = part.v[k];
    }
  }
  Store(p.to + vector * 8, v);
}

unsigned Blocks(int64_t threads) {
  return static_cast<unsigned>((threads + kThreads - 1) / kThreads);
}

}  // namespace

template <typename Y, typename Times>
int ProductEpilogue(const ProductEpilogueArgs<Y, Times>& p, Stream stream) {
  const int64_t elements = p.rows * p.cols;
  if (elements == 0) return 0;
  if (p.cols % 8 == 0) {
    return CUDA_LAUNCH((EpilogueKernel<8, Y, Times>), Blocks(elements / 8), kThreads, 0, stream, p);
  }
  return CUDA_LAUNCH((EpilogueKernel<1, Y, Times>), Blocks(elements), kThreads, 0, stream, p);
}

int PadRows(const PadRowsArgs& p, Stream stream) {
  const int64_t vectors = p.rows * (p.stride / 8);
  if (vectors == 0) return 0;
  if (p.cols % 4 == 0) {
    return CUDA_LAUNCH((PadRowsKernel<4>), Blocks(vectors), kThreads, 0, stream, p);
  }
  return CUDA_LAUNCH((PadRowsKernel<1>), Blocks(vectors), kThreads, 0, stream, p);
}

#define INSTANTIATE(Y, Times) \
  template int ProductEpilogue(const ProductEpilogueArgs<Y, Times>&, Stream);
INSTANTIATE(float, float)
INSTANTIATE(float, BFloat16)
INSTANTIATE(BFloat16, float)
INSTANTIATE(BFloat16, BFloat16)

}  // namespace backends::cuda
