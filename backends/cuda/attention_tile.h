// Attention in f32 on ordinary cores: tiles of rows in shared memory and products of them, which
// attention_plain.cu.cc and attention_plain_grad.cu.cc are made of. A block of 16 x 16 threads has
// kTile rows of one head of one image and goes over the tiles of the other side, so the length has
// no limit. Of a tile's product each thread has kEach x kEach numbers.
#ifndef BACKENDS_CUDA_ATTENTION_TILE_H_
#define BACKENDS_CUDA_ATTENTION_TILE_H_

#include "backends/cuda/device.h"

namespace backends::cuda::tile {

constexpr int kSide = 16;
constexpr int kThreads = kSide * kSide;

// For heads of up to kWidth.
template <int kWidth>
struct Tile {
  static constexpr int kTile = kWidth <= 128 ? 64 : 32;
  static constexpr int kEach = kTile / kSide;
  // Floats from row to row in shared memory: an odd number of 16-byte vectors, so that eight
  // neighbouring rows lie in different banks.
  static constexpr int kRow = kWidth + 4;
  static constexpr int kSquareRow = kTile + 4;
  static constexpr int kCols = kWidth / kSide;              // columns of a result of a thread,
  static constexpr int kNear = kCols < 4 ? kCols : 4;       // so many of them neighbours
  static constexpr int kFloats = kTile * kRow;              // of a tile of rows
  static constexpr int kSquareFloats = kTile * kSquareRow;  // of a tile of scores
  static constexpr int kBlocks = kWidth <= 64 ? 2 : 1;      // of a multiprocessor, at least
};

__device__ inline int Tx() { return threadIdx.x % kSide; }
__device__ inline int Ty() { return threadIdx.x / kSide; }

// The first `count` of kTile rows of `width` numbers, and zeros behind them where products read on:
// to the next multiples of 16 rows and 4 columns. Where there are `ids`, row i is row ids[i]
// instead, zeros for a negative one.
template <typename T, int kWidth>
__device__ void LoadTile(const T* rows, int64_t stride, int count, int width, float* to,
                         const int* ids = nullptr) {
  constexpr int kRow = Tile<kWidth>::kRow, kVector = 16 / sizeof(T);
  const int filled = (count + kSide - 1) / kSide * kSide;
  if (width % kVector == 0) {  // then every row is aligned
    const int vectors = width / kVector;
    for (int i = threadIdx.x; i < filled * vectors; i += kThreads) {
      const int row = i / vectors, at = i % vectors * kVector;
      const int from = ids == nullptr ? row : ids[row];
      Vector<T, kVector> v = {};
      if (row < count && from >= 0) v = Load<Vector<T, kVector>>(rows + from * stride + at);
#pragma unroll
      for (int k = 0; k < kVector; k += 4) {
        Store(to + row * kRow + at + k,
              Vector<float, 4>{{ToFloat(v.v[k]), ToFloat(v.v[k + 1]), ToFloat(v.v[k + 2]),
                                ToFloat(v.v[k + 3])}});
      }
    }
    return;
  }
  const int columns = (width + 3) / 4 * 4;
  for (int i = threadIdx.x; i < filled * columns; i += kThreads) {
    const int row = i / columns, at = i % columns;
    const int from = ids == nullptr ? row : ids[row];
    const bool there = row < count && from >= 0 && at < width;
    to[row * kRow + at] = there ? ToFloat(rows[from * stride + at]) : 0.0f;
  }
}

// c = a · bᵀ of two tiles: rows kEach Ty() + i of a, rows Tx() + kSide j of b. Threads and steps
// that have only rows behind the last, `a_rows` and `b_rows`, are left out.
template <int kWidth>
__device__ void Product(const float* a, int a_rows, const float* b, int b_rows, int width,
                        float (&c)[Tile<kWidth>::kEach][Tile<kWidth>::kEach]) {
  using S = Tile<kWidth>;
#pragma unroll
  for (int i = 0; i < S::kEach; ++i) {
#pragma unroll
    for (int j = 0; j < S::kEach; ++j) c[i][j] = 0.0f;
  }
  if (Ty() * S::kEach >= a_rows) return;
  a += Ty() * S::kEach * S::kRow;
  b += Tx() * S::kRow;
  for (int k = 0; k < width; k += 4) {
    Vector<float, 4> x[S::kEach];
#pragma unroll
    for (int i = 0; i < S::kEach; ++i) x[i] = Load<Vector<float, 4>>(a + i * S::kRow + k);
#pragma unroll
    for (int j = 0; j < S::kEach; ++j) {
      if (j * kSide >= b_rows) continue;
      const auto y = Load<Vector<float, 4>>(b + j * kSide * S::kRow + k);
#pragma unroll
      for (int i = 0; i < S::kEach; ++i) {
#pragma unroll
        for (int e = 0; e < 4; ++e) c[i][j] += x[i].v[e] * y.v[e];
      }
    }
  }
}

// c += s · b for the first `rows` rows of a square of scores and the first `count` rows of b;
// behind its column `count` s is zero.
template <int kWidth>
__device__ void AddProduct(const float* s, int rows, const float* b, int count, int width,
                           float (&c)[Tile<kWidth>::kEach][Tile<kWidth>::kCols]) {
  using S = Tile<kWidth>;
  if (Ty() * S::kEach >= rows) return;
  s += Ty() * S::kEach * S::kSquareRow;
  b += Tx() * S::kNear;
  for (int k = 0; k < count; k += 4) {
    Vector<float, 4> x[S::kEach];
#pragma unroll
    for (int i = 0; i < S::kEach; ++i) x[i] = Load<Vector<float, 4>>(s + i * S::kSquareRow + k);
#pragma unroll
    for (int e = 0; e < 4; ++e) {
#pragma unroll
      for (int j = 0; j < S::kCols; j += S::kNear) {
        if (j * kSide + Tx() * S::kNear >= width) continue;
        const auto y = Load<Vector<float, S::kNear>>(b + (k + e) * S::kRow + j * kSide);
#pragma unroll
        for (int i = 0; i < S::kEach; ++i) {
#pragma unroll
          for (int n = 0; n < S::kNear; ++n) c[i][j + n] += x[i].v[e] * y.v[n];
        }
      }
    }
  }
}

// The first `count` rows of what AddProduct() summed.
template <typename T, int kWidth>
__device__ void StoreTile(const float (&c)[Tile<kWidth>::kEach][Tile<kWidth>::kCols], int count,
                          int width, T* rows, int64_t stride) {
  using S = Tile<kWidth>;
#pragma unroll
  for (int i = 0; i < S::kEach; ++i) {
    const int row = Ty() * S::kEach + i;
    if (row >= count) continue;
#pragma unroll
    for (int j = 0; j < S::kCols; j += S::kNear) {
      const int at = j * kSide + Tx() * S::kNear;
      T* const to = rows + row * stride + at;
      Vector<T, S::kNear> v;
#pragma unroll
      for (int n = 0; n < S::kNear; ++n) v.v[n] = FromFloat<T>(c[i][j + n]);
      if (width % S::kNear == 0) {
        if (at < width) Store(to, v);
        continue;
      }
#pragma unroll
      for (int n = 0; n < S::kNear; ++n) {
        if (at + n < width) to[n] = v.v[n];
      }
    }
  }
}

// Puts a thread's scores into a square.
template <int kWidth>
__device__ void StoreSquare(const float (&s)[Tile<kWidth>::kEach][Tile<kWidth>::kEach], float* to) {
  using S = Tile<kWidth>;
#pragma unroll
  for (int i = 0; i < S::kEach; ++i) {
#pragma unroll
    for (int j = 0; j < S::kEach; ++j) {
      to[(Ty() * S::kEach + i) * S::kSquareRow + Tx() + j * kSide] = s[i][j];
    }
  }
}

// The block's tile and head.
struct Place {
  __device__ Place(int tiles, int tile_rows, int heads, int head_width, int tokens)
      : index(blockIdx.x / tiles),
        first(static_cast<int>(blockIdx.x % tiles) * tile_rows),
        image(index / heads),
        width(static_cast<int64_t>(heads) * head_width),
        column(index % heads * head_width),
        qkv(image * tokens * 3 * width + column) {}

  const int index;  // of the head among those of all images
  const int first;  // row of the tile
  const int64_t image;
  const int64_t width;  // D
  const int column;     // of the head in D
  const int64_t qkv;    // where the head's q of token 0 is; k and v are D and 2D behind
};

}  // namespace backends::cuda::tile

#endif  // BACKENDS_CUDA_ATTENTION_TILE_H_
