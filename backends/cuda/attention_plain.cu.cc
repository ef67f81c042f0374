// Attention in f32 for what the tensor-core kernel does not take: f32, other head widths, more than
// 272 tokens. A block has kTile queries of one head and a running softmax over tiles of keys; it
// reads all keys and values once, which come from the L2 cache after the first block of the head:
// 2D elements a token for each kTile queries, and 2D more for q and y.
#include "backends/cuda/attention_launch.h"
#include "backends/cuda/attention_tile.h"
#include "backends/cuda/fault.h"

namespace backends::cuda {
namespace tile {
namespace {

constexpr float kLowest = -3.4028234e38f;

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

template <int kWidth, typename T>
int LaunchForward(const AttentionArgs<T>& p, Stream stream) {
  using S = Tile<kWidth>;
  constexpr int kShared = (2 * S::kFloats + S::kSquareFloats) * sizeof(float);
  const int allowed = CUDA_ALLOW_SHARED((PlainAttentionKernel<T, kWidth>), kShared);
  if (allowed != 0) return allowed;
  const int tiles = (p.queries + S::kTile - 1) / S::kTile;
  return CUDA_LAUNCH((PlainAttentionKernel<T, kWidth>), p.batch * p.heads * tiles, kThreads,
                     kShared, stream, p, tiles);
}

}  // namespace
}  // namespace tile

bool HasPlainAttention(int head_width) { return head_width <= 256; }

template <typename T>
int PlainAttention(const AttentionArgs<T>& p, Stream stream) {
  if (p.batch == 0 || p.queries == 0) return 0;
  if (p.head_width <= 32) return tile::LaunchForward<32>(p, stream);
  if (p.head_width <= 64) return tile::LaunchForward<64>(p, stream);
  if (p.head_width <= 128) return tile::LaunchForward<128>(p, stream);
  return tile::LaunchForward<256>(p, stream);
}

template int PlainAttention(const AttentionArgs<float>&, Stream);
template int PlainAttention(const AttentionArgs<BFloat16>&, Stream);

}  // namespace backends::cuda
