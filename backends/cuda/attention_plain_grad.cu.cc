// AttentionGrad in f32, for what the tensor-core kernel does not take. Two kernels, one with a block
// for kTile queries (dq, and δ for the other), one with a block for kTile keys (dk, dv): scores are
// made twice, and no sum leaves its block. A block reads its own rows (q, dy and y, or k and v) and
// the other side's once, which come from the L2 cache after the first block of the head: 2D
// elements a token for each kTile rows. dqkv is written once.
#include "backends/cuda/attention_launch.h"
#include "backends/cuda/attention_tile.h"

namespace backends::cuda {
namespace tile {
namespace {

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

template <int kWidth>
constexpr int SharedBytes() {
  return (4 * Tile<kWidth>::kFloats + Tile<kWidth>::kSquareFloats) * sizeof(float);
}

template <int kWidth, typename T>
int LaunchBackward(const AttentionGradArgs<T>& p, Stream stream) {
  using S = Tile<kWidth>;
  constexpr int kShared = SharedBytes<kWidth>();
  int error = CUDA_ALLOW_SHARED((PlainQueryGrad<T, kWidth>), kShared);
  if (error == 0) error = CUDA_ALLOW_SHARED((PlainKeyGrad<T, kWidth>), kShared);
  if (error != 0) return error;
  const int tiles = (p.tokens + S::kTile - 1) / S::kTile;
  error = CUDA_LAUNCH((PlainQueryGrad<T, kWidth>), p.batch * p.heads * tiles, kThreads, kShared,
                      stream, p, tiles);
  if (error != 0) return error;
  return CUDA_LAUNCH((PlainKeyGrad<T, kWidth>), p.batch * p.heads * tiles, kThreads, kShared,
                     stream, p, tiles);
}

}  // namespace
}  // namespace tile

template <typename T>
int PlainAttentionGrad(const AttentionGradArgs<T>& p, Stream stream) {
  if (p.batch == 0 || p.tokens == 0) return 0;
  if (p.head_width <= 32) return tile::LaunchBackward<32>(p, stream);
  if (p.head_width <= 64) return tile::LaunchBackward<64>(p, stream);
  if (p.head_width <= 128) return tile::LaunchBackward<128>(p, stream);
  return tile::LaunchBackward<256>(p, stream);
}

size_t PlainAttentionGradShared(int head_width) {
  return head_width <= 32    ? tile::SharedBytes<32>()
         : head_width <= 64  ? tile::SharedBytes<64>()
         : head_width <= 128 ? tile::SharedBytes<128>()
                             : tile::SharedBytes<256>();
}

size_t PlainAttentionGradScratch(int batch, int tokens, int heads) {
  return static_cast<size_t>(batch) * heads * tokens;
}

template int PlainAttentionGrad(const AttentionGradArgs<float>&, Stream);
template int PlainAttentionGrad(const AttentionGradArgs<BFloat16>&, Stream);

}  // namespace backends::cuda
