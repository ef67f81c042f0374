// A block has one head of one image, a warp 16 queries at a time with all their scores in
// registers: with at most 272 keys no running softmax is needed. Rows in shared memory are 16
// bytes longer than the head, so that ldmatrix meets no bank twice. qkv is read once and y written
// once, in vectors of 16 bytes: 8D bytes a token.
//
// Fragments (PTX ISA, m16n8k16): with g = lane / 4 and t = lane % 4, a lane's four numbers of a
// 16 x 8 tile of scores are rows g, g, g+8, g+8 and columns 2t, 2t+1, 2t, 2t+1. Two such tiles,
// rounded to bf16, are the A fragment of the next product: probabilities never leave the lane.
#include "backends/cuda/attention_launch.h"
#include "backends/cuda/device.h"
#include "backends/cuda/fault.h"

namespace backends::cuda {
namespace {

constexpr int kWarps = 4;
constexpr float kLog2e = 1.44269504088896341f;
constexpr float kLn2 = 0.693147180559945309f;

// The numbers of tiles that are compiled in; a length takes the least that holds it.
__host__ __device__ constexpr int CompiledTiles(int tiles) {
  return tiles <= 2 ? 2 : tiles <= 4 ? 4 : tiles == 5 ? 5 : tiles <= 13 ? 13 : 17;
}
// Of so many tiles, those that are full whatever the length is.
__host__ __device__ constexpr int FullTiles(int key_tiles) {
  int tiles = key_tiles;
  while (tiles > 1 && CompiledTiles(tiles - 1) == key_tiles) --tiles;
  return tiles - 1;
}

// Bytes of a block with so many tiles of 16 keys.
constexpr int SharedBytes(int key_tiles, int width) {
  return (2 * key_tiles * 16 + kWarps * 16) * (width + 8) * 2;
}

// Blocks of a multiprocessor of sm_90 at least: as many as shared memory has room for and registers
// for the scores, the result and some 32 more. Said, because the compiler would else take more.
constexpr int LeastBlocks(int key_tiles, int width) {
  const int by_registers = 65536 / (kWarps * 32) / (8 * key_tiles + width / 2 + 32);
  const int by_shared = (228 << 10) / (SharedBytes(key_tiles, width) + 1024);
  return by_registers < by_shared ? by_registers : by_shared;
}

// kKeys: tiles of 16 tokens. kWidth: of the head.
template <int kKeys, int kWidth>
__global__ void __launch_bounds__(kWarps * 32, LeastBlocks(kKeys, kWidth))
    AttentionKernel(AttentionArgs<BFloat16> p) {
  constexpr int kRow = kWidth + 8;     // elements
  constexpr int kChunks = kWidth / 8;  // 16 bytes each
  constexpr int kFull = FullTiles(kKeys);
  CUDA_DYNAMIC_SHARED(memory);
  BFloat16* const keys = reinterpret_cast<BFloat16*>(memory);  // (16 kKeys, kRow)
  BFloat16* const values = keys + kKeys * 16 * kRow;           // (16 kKeys, kRow)
  BFloat16* const queries = values + kKeys * 16 * kRow;        // (16, kRow) of each warp
  const int image = blockIdx.x / p.heads, head = blockIdx.x % p.heads;
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const int width = p.heads * kWidth;
  const BFloat16* const rows =
      p.qkv + static_cast<int64_t>(image) * p.tokens * 3 * width + head * kWidth;
  BFloat16* const own = queries + warp * 16 * kRow;
  // Of queries and results a lane moves every other chunk of row lane / 2.
  const int odd = lane % 2 * 8;
  BFloat16* const own_row = own + lane / 2 * kRow + odd;
  // Starts to load the queries of the warp's rows, zeros behind the last.
  const auto load_queries = [&](int first) {
    const int query = first + lane / 2;
    int token = query < p.queries ? query : -1;
    if (p.query_ids != nullptr && token >= 0) {
      const int64_t element = static_cast<int64_t>(image) * p.queries + query;
      token = p.query_ids[element];
      if (!IsRow(p.site, 1, element, token, p.tokens)) token = -1;  // asks with zeros
    }
    const BFloat16* const from = rows + int64_t{token < 0 ? 0 : token} * 3 * width + odd;
#pragma unroll
    for (int at = 0; at < kWidth; at += 16) CpAsync16(own_row + at, from + at, token < 0);
    CpAsyncCommit();
  };

  for (int i = threadIdx.x; i < kKeys * 16 * kChunks; i += kWarps * 32) {
    const int row = i / kChunks, at = i % kChunks * 8;
    const bool none = row >= p.tokens;
    const BFloat16* from = rows + static_cast<int64_t>(none ? 0 : row) * 3 * width + at;
    CpAsync16(keys + row * kRow + at, from + width, none);
    CpAsync16(values + row * kRow + at, from + 2 * width, none);
  }
  CpAsyncCommit();
  // The warp that gets one tile more than the others is another in each block, because the warps of
  // one number share a scheduler.
  int first = (warp + blockIdx.x) % kWarps * 16;
  load_queries(first);
  CpAsyncWait<0>();
  __syncthreads();

  const float scale = kLog2e / sqrtf(static_cast<float>(kWidth));  // for exp2
  for (; first < p.queries; first += kWarps * 16) {
    uint32_t q[kWidth / 16][4];
#pragma unroll
    for (int k = 0; k < kWidth / 16; ++k) {
      LdMatrixX4<false>(own + lane % 16 * kRow + k * 16 + lane / 16 * 8, q[k]);
    }
    // Scores of 16 queries and all keys.
    float s[kKeys * 2][4] = {};
#pragma unroll
    for (int n = 0; n < kKeys; ++n) {
#pragma unroll
      for (int k = 0; k < kWidth / 16; ++k) {
        // Four 8 x 8 matrices: keys 0-7 and 8-15 of the tile, each at two halves of the width.
        uint32_t b[4];
        LdMatrixX4<false>(
            keys + (n * 16 + lane % 8 + lane / 16 * 8) * kRow + k * 16 + lane / 8 % 2 * 8, b);
        const uint32_t low[2] = {b[0], b[1]}, high[2] = {b[2], b[3]};
        MmaBf16(q[k], low, s[2 * n]);
        MmaBf16(q[k], high, s[2 * n + 1]);
      }
    }
    // No scores behind the last token. Only lengths that leave the last tile empty ask of others.
    const auto mask = [&](int n) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        if (n * 8 + lane % 4 * 2 + i % 2 >= p.tokens) s[n][i] = -INFINITY;
      }
    };
    if (p.tokens <= (kKeys - 1) * 16) {
#pragma unroll
      for (int n = kFull * 2; n < (kKeys - 1) * 2; ++n) mask(n);
    }
    mask(kKeys * 2 - 2);
    mask(kKeys * 2 - 1);
    // Softmax of rows g and g + 8; a row lies in four neighbouring lanes. All scores are scaled and
    // compared with the same rounded `top` in one fma, so y and lse do not depend on how that was
    // rounded. Exp2's 2^-22 is little beside the 2^-9 by which probabilities are rounded to bf16.
    float top[2] = {-INFINITY, -INFINITY}, sum[2] = {};
#pragma unroll
    for (int n = 0; n < kKeys * 2; ++n) {
#pragma unroll
      for (int i = 0; i < 4; ++i) top[i / 2] = fmaxf(top[i / 2], s[n][i]);
    }
    top[0] = WarpMax<4>(top[0]) * scale;
    top[1] = WarpMax<4>(top[1]) * scale;
#pragma unroll
    for (int n = 0; n < kKeys * 2; ++n) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        s[n][i] = Exp2(s[n][i] * scale - top[i / 2]);
        sum[i / 2] += s[n][i];
      }
    }
    sum[0] = WarpSum<4>(sum[0]);
    sum[1] = WarpSum<4>(sum[1]);
    // y = P · V, divided by the sums at the end.
    float y[kWidth / 8][4] = {};
#pragma unroll
    for (int n = 0; n < kKeys; ++n) {
      const uint32_t a[4] = {PackBf16(s[2 * n][0], s[2 * n][1]), PackBf16(s[2 * n][2], s[2 * n][3]),
                             PackBf16(s[2 * n + 1][0], s[2 * n + 1][1]),
                             PackBf16(s[2 * n + 1][2], s[2 * n + 1][3])};
#pragma unroll
      for (int k = 0; k < kWidth / 16; ++k) {
        // Transposed: keys 0-7 and 8-15, each of two neighbouring eights of the width.
        uint32_t b[4];
        LdMatrixX4<true>(values + (n * 16 + lane % 16) * kRow + k * 16 + lane / 16 * 8, b);
        const uint32_t low[2] = {b[0], b[1]}, high[2] = {b[2], b[3]};
        MmaBf16(a, low, y[2 * k]);
        MmaBf16(a, high, y[2 * k + 1]);
      }
    }
    // By way of the queries' rows, to be stored in whole vectors.
    __syncwarp();
    const float inverse[2] = {1.0f / sum[0], 1.0f / sum[1]};
#pragma unroll
    for (int k = 0; k < kWidth / 8; ++k) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const uint32_t two =
            PackBf16(y[k][2 * half] * inverse[half], y[k][2 * half + 1] * inverse[half]);
        Store(own + (lane / 4 + half * 8) * kRow + k * 8 + lane % 4 * 2, two);
      }
    }
    if (lane % 4 == 0) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int query = first + lane / 4 + half * 8;
        if (query < p.queries) {
          p.lse[static_cast<int64_t>(blockIdx.x) * p.queries + query] =
              top[half] * kLn2 + logf(sum[half]);
        }
      }
    }
    __syncwarp();
    if (first + lane / 2 < p.queries) {
      BFloat16* const to = p.y +
                           (static_cast<int64_t>(image) * p.queries + first + lane / 2) * width +
                           head * kWidth + odd;
#pragma unroll
      for (int at = 0; at < kWidth; at += 16) {
        Store(to + at, Load<Vector<BFloat16, 8>>(own_row + at));
      }
    }
    __syncwarp();
    load_queries(first + kWarps * 16);
    CpAsyncWait<0>();
    __syncwarp();
  }
}

template <int kKeys, int kWidth>
int Launch(const AttentionArgs<BFloat16>& p, Stream stream) {
  constexpr int kShared = SharedBytes(kKeys, kWidth);
  const int allowed = CUDA_ALLOW_SHARED((AttentionKernel<kKeys, kWidth>), kShared);
  if (allowed != 0) return allowed;
  return CUDA_LAUNCH((AttentionKernel<kKeys, kWidth>), p.batch * p.heads, kWarps * 32, kShared,
                     stream, p);
}

template <int kWidth>
int LaunchWidth(const AttentionArgs<BFloat16>& p, Stream stream) {
  switch (CompiledTiles((p.tokens + 15) / 16)) {
    case 2:
      return Launch<2, kWidth>(p, stream);
    case 4:
      return Launch<4, kWidth>(p, stream);
    case 5:
      return Launch<5, kWidth>(p, stream);
    case 13:
      return Launch<13, kWidth>(p, stream);
    default:
      return Launch<17, kWidth>(p, stream);
  }
}

}  // namespace

bool HasAttention(int tokens, int head_width, size_t shared_bytes) {
  if (tokens < 1 || tokens > 272) return false;
  if (head_width != 32 && head_width != 48 && head_width != 64 && head_width != 80) return false;
  return static_cast<size_t>(SharedBytes(CompiledTiles((tokens + 15) / 16), head_width)) <=
         shared_bytes;
}

int Attention(const AttentionArgs<BFloat16>& p, Stream stream) {
  if (p.batch == 0 || p.queries == 0) return 0;
  switch (p.head_width) {
    case 32:
      return LaunchWidth<32>(p, stream);
    case 48:
      return LaunchWidth<48>(p, stream);
    case 64:
      return LaunchWidth<64>(p, stream);
    default:
      return LaunchWidth<80>(p, stream);
  }
}

}  // namespace backends::cuda
