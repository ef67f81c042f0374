// Attention and its gradient in f32 on ordinary cores, for what the tensor-core kernels do not
// take: f32, other head widths, long sequences. A block has kTile rows of one head of one image and
// goes over the tiles of the other side with a running softmax, so the length has no limit. Of a
// tile's product each of 16 x 16 threads has kEach x kEach numbers.
//
// The gradient is two kernels, one with a block for kTile queries (dq, and δ for the other), one
// with a block for kTile keys (dk, dv): scores are made twice, and no sum leaves its block. A block
// reads the other side's rows once, which come from the L2 cache after the first block of the head:
// T / kTile · 2D elements a token forward, 7D backward.
#include "backends/cuda/attention_launch.h"
#include "backends/cuda/device.h"
#include "backends/cuda/fault.h"

namespace backends::cuda {
namespace {

constexpr int kSide = 16;
constexpr int kThreads = kSide * kSide;
constexpr float kLowest = -3.4028234e38f;

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

__device__ int Tx() { return threadIdx.x % kSide; }
__device__ int Ty() { return threadIdx.x / kSide; }

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

template <typename T, int kWidth>
__global__ void __launch_bounds__(kThreads, Tile<kWidth>::kBlocks)
    PlainAttentionKernel(AttentionArgs<T> p, int tiles) {
  using S = Tile<kWidth>;
  CUDA_DYNAMIC_SHARED(memory);
  __shared__ int ids[S::kTile];
  float* const queries = reinterpret_cast<float*>(memory);
  float* const other = queries + S::kFloats;  // keys, then values
  float* const square = other + S::kFloats;
  const Place at(tiles, S::kTile, p.heads, p.head_width, p.tokens);
  const T* const rows = p.qkv + at.qkv;
  const int count = min(S::kTile, p.queries - at.first);
  const float scale = 1.0f / sqrtf(static_cast<float>(p.head_width));

  for (int i = threadIdx.x; i < S::kTile; i += kThreads) {
    int token = -1;
    if (i < count) {
      token = at.first + i;
      if (p.query_ids != nullptr) {
        const int64_t element = at.image * p.queries + token;
        token = p.query_ids[element];
        if (!IsRow(p.site, 1, element, token, p.tokens)) token = -1;  // asks with zeros
      }
    }
    ids[i] = token;
  }
  __syncthreads();
  LoadTile<T, kWidth>(rows, 3 * at.width, count, p.head_width, queries, ids);
  float y[S::kEach][S::kCols] = {}, top[S::kEach], sum[S::kEach] = {};
#pragma unroll
  for (int i = 0; i < S::kEach; ++i) top[i] = kLowest;
  for (int first = 0; first < p.tokens; first += S::kTile) {
    const int keys = min(S::kTile, p.tokens - first);
    const T* const tile = rows + first * 3 * at.width;
    __syncthreads();
    LoadTile<T, kWidth>(tile + at.width, 3 * at.width, keys, p.head_width, other);
    __syncthreads();
    float s[S::kEach][S::kEach];
    Product<kWidth>(queries, count, other, keys, p.head_width, s);
#pragma unroll
    for (int i = 0; i < S::kEach; ++i) {
      float highest = top[i], added = 0;
#pragma unroll
      for (int j = 0; j < S::kEach; ++j) {
        s[i][j] = Tx() + j * kSide < keys ? s[i][j] * scale : -INFINITY;
        highest = fmaxf(highest, s[i][j]);
      }
      highest = WarpMax<kSide>(highest);
#pragma unroll
      for (int j = 0; j < S::kEach; ++j) {
        s[i][j] = expf(s[i][j] - highest);
        added += s[i][j];
      }
      const float shrink = expf(top[i] - highest);
      sum[i] = sum[i] * shrink + WarpSum<kSide>(added);
      top[i] = highest;
#pragma unroll
      for (int c = 0; c < S::kCols; ++c) y[i][c] *= shrink;
    }
    StoreSquare<kWidth>(s, square);
    __syncthreads();
    LoadTile<T, kWidth>(tile + 2 * at.width, 3 * at.width, keys, p.head_width, other);
    __syncthreads();
    AddProduct<kWidth>(square, count, other, keys, p.head_width, y);
  }
#pragma unroll
  for (int i = 0; i < S::kEach; ++i) {
    const int row = Ty() * S::kEach + i;
#pragma unroll
    for (int c = 0; c < S::kCols; ++c) y[i][c] /= sum[i];
    if (Tx() == 0 && row < count) {
      p.lse[static_cast<int64_t>(at.index) * p.queries + at.first + row] = top[i] + logf(sum[i]);
    }
  }
  StoreTile<T, kWidth>(y, count, p.head_width,
                       p.y + (at.image * p.queries + at.first) * at.width + at.column, at.width);
}

// dq of kTile queries, and their δ = Σ dy·y, which goes to scratch (B, H, T).
template <typename T, int kWidth>
__global__ void __launch_bounds__(kThreads, Tile<kWidth>::kBlocks)
    PlainQueryGrad(AttentionGradArgs<T> p, int tiles) {
  using S = Tile<kWidth>;
  CUDA_DYNAMIC_SHARED(memory);
  float* const queries = reinterpret_cast<float*>(memory);
  float* const dy = queries + S::kFloats;
  float* const keys = dy + S::kFloats;
  float* const values = keys + S::kFloats;
  float* const square = values + S::kFloats;
  const Place at(tiles, S::kTile, p.heads, p.head_width, p.tokens);
  const T* const rows = p.qkv + at.qkv;
  const int64_t y_at = (at.image * p.tokens + at.first) * at.width + at.column;
  const int64_t row_at = static_cast<int64_t>(at.index) * p.tokens + at.first;
  const int count = min(S::kTile, p.tokens - at.first);
  const float scale = 1.0f / sqrtf(static_cast<float>(p.head_width));

  LoadTile<T, kWidth>(rows + at.first * 3 * at.width, 3 * at.width, count, p.head_width, queries);
  LoadTile<T, kWidth>(p.dy + y_at, at.width, count, p.head_width, dy);
  __syncthreads();
  float delta[S::kEach] = {}, lse[S::kEach];
#pragma unroll
  for (int i = 0; i < S::kEach; ++i) {
    const int row = Ty() * S::kEach + i;
    lse[i] = row < count ? p.lse[row_at + row] : 0.0f;
    for (int e = Tx(); row < count && e < p.head_width; e += kSide) {
      delta[i] += ToFloat(p.y[y_at + row * at.width + e]) * dy[row * S::kRow + e];
    }
    delta[i] = WarpSum<kSide>(delta[i]);
    if (Tx() == 0 && row < count) p.scratch[row_at + row] = delta[i];
  }
  float dq[S::kEach][S::kCols] = {};
  for (int first = 0; first < p.tokens; first += S::kTile) {
    const int there = min(S::kTile, p.tokens - first);
    const T* const tile = rows + first * 3 * at.width;
    __syncthreads();
    LoadTile<T, kWidth>(tile + at.width, 3 * at.width, there, p.head_width, keys);
    LoadTile<T, kWidth>(tile + 2 * at.width, 3 * at.width, there, p.head_width, values);
    __syncthreads();
    float s[S::kEach][S::kEach], dp[S::kEach][S::kEach];
    Product<kWidth>(queries, count, keys, there, p.head_width, s);
    Product<kWidth>(dy, count, values, there, p.head_width, dp);
#pragma unroll
    for (int i = 0; i < S::kEach; ++i) {
#pragma unroll
      for (int j = 0; j < S::kEach; ++j) {
        const float ds = expf(s[i][j] * scale - lse[i]) * (dp[i][j] - delta[i]) * scale;
        s[i][j] = Tx() + j * kSide < there ? ds : 0.0f;
      }
    }
    StoreSquare<kWidth>(s, square);
    __syncthreads();
    AddProduct<kWidth>(square, count, keys, there, p.head_width, dq);
  }
  StoreTile<T, kWidth>(dq, count, p.head_width, p.dqkv + at.qkv + at.first * 3 * at.width,
                       3 * at.width);
}

// dk and dv of kTile keys, behind PlainQueryGrad().
template <typename T, int kWidth>
__global__ void __launch_bounds__(kThreads, Tile<kWidth>::kBlocks)
    PlainKeyGrad(AttentionGradArgs<T> p, int tiles) {
  using S = Tile<kWidth>;
  CUDA_DYNAMIC_SHARED(memory);
  __shared__ float lse[S::kTile], delta[S::kTile];
  float* const keys = reinterpret_cast<float*>(memory);
  float* const values = keys + S::kFloats;
  float* const queries = values + S::kFloats;
  float* const dy = queries + S::kFloats;
  float* const square = dy + S::kFloats;  // of keys and queries: probabilities, then ds
  const Place at(tiles, S::kTile, p.heads, p.head_width, p.tokens);
  const T* const rows = p.qkv + at.qkv;
  const T* const own = rows + at.first * 3 * at.width;
  const int count = min(S::kTile, p.tokens - at.first);
  const float scale = 1.0f / sqrtf(static_cast<float>(p.head_width));

  LoadTile<T, kWidth>(own + at.width, 3 * at.width, count, p.head_width, keys);
  LoadTile<T, kWidth>(own + 2 * at.width, 3 * at.width, count, p.head_width, values);
  float dk[S::kEach][S::kCols] = {}, dv[S::kEach][S::kCols] = {};
  for (int first = 0; first < p.tokens; first += S::kTile) {
    const int there = min(S::kTile, p.tokens - first);
    __syncthreads();
    LoadTile<T, kWidth>(rows + first * 3 * at.width, 3 * at.width, there, p.head_width, queries);
    LoadTile<T, kWidth>(p.dy + (at.image * p.tokens + first) * at.width + at.column, at.width,
                        there, p.head_width, dy);
    for (int i = threadIdx.x; i < S::kTile; i += kThreads) {
      const int64_t row = static_cast<int64_t>(at.index) * p.tokens + first + i;
      lse[i] = i < there ? p.lse[row] : 0.0f;
      delta[i] = i < there ? p.scratch[row] : 0.0f;
    }
    __syncthreads();
    float s[S::kEach][S::kEach], dp[S::kEach][S::kEach];
    Product<kWidth>(keys, count, queries, there, p.head_width, s);
    Product<kWidth>(values, count, dy, there, p.head_width, dp);
#pragma unroll
    for (int i = 0; i < S::kEach; ++i) {
#pragma unroll
      for (int j = 0; j < S::kEach; ++j) {
        const int query = Tx() + j * kSide;
        const float probability = expf(s[i][j] * scale - lse[query]);
        const float ds = probability * (dp[i][j] - delta[query]) * scale;
        s[i][j] = query < there ? probability : 0.0f;
        dp[i][j] = query < there ? ds : 0.0f;
      }
    }
    StoreSquare<kWidth>(s, square);
    __syncthreads();
    AddProduct<kWidth>(square, count, dy, there, p.head_width, dv);
    __syncthreads();
    StoreSquare<kWidth>(dp, square);
    __syncthreads();
    AddProduct<kWidth>(square, count, queries, there, p.head_width, dk);
  }
  T* const to = p.dqkv + at.qkv + at.first * 3 * at.width;
  StoreTile<T, kWidth>(dk, count, p.head_width, to + at.width, 3 * at.width);
  StoreTile<T, kWidth>(dv, count, p.head_width, to + 2 * at.width, 3 * at.width);
}

template <int kWidth, typename T>
int LaunchForward(const AttentionArgs<T>& p, Stream stream) {
  using S = Tile<kWidth>;
  constexpr int kShared = (2 * S::kFloats + S::kSquareFloats) * sizeof(float);
  static const int allowed = CUDA_ALLOW_SHARED((PlainAttentionKernel<T, kWidth>), kShared);
  if (allowed != 0) return allowed;
  const int tiles = (p.queries + S::kTile - 1) / S::kTile;
  return CUDA_LAUNCH((PlainAttentionKernel<T, kWidth>), p.batch * p.heads * tiles, kThreads,
                     kShared, stream, p, tiles);
}

template <int kWidth, typename T>
int LaunchBackward(const AttentionGradArgs<T>& p, Stream stream) {
  using S = Tile<kWidth>;
  constexpr int kShared = (4 * S::kFloats + S::kSquareFloats) * sizeof(float);
  static const int allowed = CUDA_ALLOW_SHARED((PlainQueryGrad<T, kWidth>), kShared) |
                             CUDA_ALLOW_SHARED((PlainKeyGrad<T, kWidth>), kShared);
  if (allowed != 0) return allowed;
  const int tiles = (p.tokens + S::kTile - 1) / S::kTile;
  const int error = CUDA_LAUNCH((PlainQueryGrad<T, kWidth>), p.batch * p.heads * tiles, kThreads,
                                kShared, stream, p, tiles);
  if (error != 0) return error;
  return CUDA_LAUNCH((PlainKeyGrad<T, kWidth>), p.batch * p.heads * tiles, kThreads, kShared,
                     stream, p, tiles);
}

}  // namespace

bool HasPlainAttention(int head_width) { return head_width <= 256; }

template <typename T>
int PlainAttention(const AttentionArgs<T>& p, Stream stream) {
  if (p.batch == 0 || p.queries == 0) return 0;
  if (p.head_width <= 32) return LaunchForward<32>(p, stream);
  if (p.head_width <= 64) return LaunchForward<64>(p, stream);
  if (p.head_width <= 128) return LaunchForward<128>(p, stream);
  return LaunchForward<256>(p, stream);
}

template <typename T>
int PlainAttentionGrad(const AttentionGradArgs<T>& p, Stream stream) {
  if (p.batch == 0 || p.tokens == 0) return 0;
  if (p.head_width <= 32) return LaunchBackward<32>(p, stream);
  if (p.head_width <= 64) return LaunchBackward<64>(p, stream);
  if (p.head_width <= 128) return LaunchBackward<128>(p, stream);
  return LaunchBackward<256>(p, stream);
}

size_t PlainAttentionGradScratch(int batch, int tokens, int heads) {
  return static_cast<size_t>(batch) * heads * tokens;
}

#define INSTANTIATE(T)                                          \
  template int PlainAttention(const AttentionArgs<T>&, Stream); \
  template int PlainAttentionGrad(const AttentionGradArgs<T>&, Stream);
INSTANTIATE(float)
INSTANTIATE(BFloat16)

}  // namespace backends::cuda
