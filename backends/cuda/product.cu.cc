// The epilogue and padding move each byte once: 4 bytes of the product and what is read and written
// beside it; 4 bytes. Where rows are whole vectors, a thread has one: of four numbers, since with
// more the accesses of a warp to floats would not be one piece of memory; of eight for padding.
//
// The product is a plain one: a block has kTile x kTile results, its 16 x 16 threads 4 x 4 each,
// and reads both factors in steps of kStep terms: each factor once per kTile lines of the other.
#include "backends/cuda/device.h"
#include "backends/cuda/gelu.h"
#include "backends/cuda/product_launch.h"

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
    constexpr int kLoad = kWidth < 16 / sizeof(T) ? kWidth : 16 / sizeof(T);
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
    constexpr int kStore = kWidth < 16 / sizeof(T) ? kWidth : 16 / sizeof(T);
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
  float x[kWidth], other[kWidth];
  LoadFloats(p.product + at, x);
  if (p.bias != nullptr) {
    LoadFloats(p.bias + (vector - Divide(vector, of_row) * of_row) * kWidth, other);
#pragma unroll
    for (int i = 0; i < kWidth; ++i) x[i] += other[i];
  }
  if (p.add != nullptr) {
    LoadFloats(p.add + at, other);
#pragma unroll
    for (int i = 0; i < kWidth; ++i) x[i] += other[i];
  }
  if (p.pre != nullptr) StoreFloats(x, p.pre + at);
  if (p.gelu) {
#pragma unroll
    for (int i = 0; i < kWidth; ++i) x[i] = GeluValue(x[i]);
  }
  if (p.times != nullptr) {
    LoadFloats(p.times + at, other);
#pragma unroll
    for (int i = 0; i < kWidth; ++i) {
      x[i] *= p.times_derivative ? GeluDerivative(other[i]) : other[i];
    }
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

constexpr int kTile = 64, kStep = 16, kSide = 16, kEach = kTile / kSide;
constexpr int kTileRow = kTile + 4;  // floats of a term's row in shared memory

// A factor's kStep terms from `term` on, of kTile lines from `line` on: to[term][line], zeros
// behind the last. A line is a row of x or a column of w; `lines_near`: neighbours in memory are
// lines, not terms.
template <typename T>
__device__ void LoadFactor(const T* from, bool lines_near, int64_t line, int64_t lines,
                           int64_t term, int64_t terms, float (*to)[kTileRow]) {
  for (int i = threadIdx.x; i < kTile * kStep; i += kThreads) {
    const int l = lines_near ? i % kTile : i / kStep, t = lines_near ? i / kTile : i % kStep;
    float x = 0.0f;
    if (line + l < lines && term + t < terms) {
      x = ToFloat(lines_near ? from[(term + t) * lines + line + l]
                             : from[(line + l) * terms + term + t]);
    }
    to[t][l] = x;
  }
}

template <typename T>
__global__ void __launch_bounds__(kThreads)
    PlainProductKernel(PlainProductArgs<T> p, unsigned tiles) {
  alignas(16) __shared__ float x[kStep][kTileRow];
  alignas(16) __shared__ float w[kStep][kTileRow];
  const int64_t row = static_cast<int64_t>(blockIdx.x / tiles) * kTile;
  const int64_t col = static_cast<int64_t>(blockIdx.x % tiles) * kTile;
  const int tx = threadIdx.x % kSide, ty = threadIdx.x / kSide;
  float y[kEach][kEach] = {};
  for (int64_t term = 0; term < p.inner; term += kStep) {
    LoadFactor(p.x, p.trans_x, row, p.rows, term, p.inner, x);
    LoadFactor(p.w, !p.trans_w, col, p.cols, term, p.inner, w);
    __syncthreads();
#pragma unroll
    for (int t = 0; t < kStep; ++t) {
      const auto a = Load<Vector<float, kEach>>(&x[t][ty * kEach]);
      const auto b = Load<Vector<float, kEach>>(&w[t][tx * kEach]);
#pragma unroll
      for (int i = 0; i < kEach; ++i) {
#pragma unroll
        for (int j = 0; j < kEach; ++j) y[i][j] += a.v[i] * b.v[j];
      }
    }
    __syncthreads();
  }
#pragma unroll
  for (int i = 0; i < kEach; ++i) {
    const int64_t r = row + ty * kEach + i;
#pragma unroll
    for (int j = 0; j < kEach; ++j) {
      const int64_t c = col + tx * kEach + j;
      if (r < p.rows && c < p.cols) p.y[r * p.cols + c] = y[i][j];
    }
  }
}

unsigned Blocks(int64_t threads) {
  return static_cast<unsigned>((threads + kThreads - 1) / kThreads);
}

}  // namespace

template <typename Y, typename Times>
int ProductEpilogue(const ProductEpilogueArgs<Y, Times>& p, Stream stream) {
  const int64_t elements = p.rows * p.cols;
  if (elements == 0) return 0;
  if (p.cols % 4 == 0) {
    return CUDA_LAUNCH((EpilogueKernel<4, Y, Times>), Blocks(elements / 4), kThreads, 0, stream, p);
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

template <typename T>
int PlainProduct(const PlainProductArgs<T>& p, Stream stream) {
  if (p.rows == 0 || p.cols == 0) return 0;
  const int64_t row_tiles = (p.rows + kTile - 1) / kTile, col_tiles = (p.cols + kTile - 1) / kTile;
  return CUDA_LAUNCH((PlainProductKernel<T>), static_cast<unsigned>(row_tiles * col_tiles),
                     kThreads, 0, stream, p, static_cast<unsigned>(col_tiles));
}

template int PlainProduct(const PlainProductArgs<float>&, Stream);
template int PlainProduct(const PlainProductArgs<BFloat16>&, Stream);

#define INSTANTIATE(Y, Times) \
  template int ProductEpilogue(const ProductEpilogueArgs<Y, Times>&, Stream);
INSTANTIATE(float, float)
INSTANTIATE(float, BFloat16)
INSTANTIATE(BFloat16, float)
INSTANTIATE(BFloat16, BFloat16)

}  // namespace backends::cuda
