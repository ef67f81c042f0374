// A block has one head of one image and a warp for each 16 tokens. Each warp makes the
// probabilities of its queries again, and from them dq; then, with P and dS of all queries in
// shared memory, dk and dv of its keys. All sums stay in one warp: no atomics, no second pass.
// Fragments are explained in attention.cu.cc. qkv, y and dy are read once, dqkv is written once:
// 16D bytes a token, in vectors of 16 bytes.
#include "backends/cuda/attention_launch.h"
#include "backends/cuda/device.h"

namespace backends::cuda {
namespace {

constexpr float kLog2e = 1.44269504088896341f;

// C (16 x 16 kTiles) = A · Bᵀ, A's fragments in registers, rows of B (tokens) in shared memory.
template <int kTiles, int kWidth>
__device__ void ProductTransposed(const uint32_t (&a)[kWidth / 16][4], const BFloat16* b, int lane,
                                  float (&c)[kTiles * 2][4]) {
  constexpr int kRow = kWidth + 8;
#pragma unroll
  for (int n = 0; n < kTiles; ++n) {
#pragma unroll
    for (int k = 0; k < kWidth / 16; ++k) {
      uint32_t f[4];
      LdMatrixX4<false>(b + (n * 16 + lane % 8 + lane / 16 * 8) * kRow + k * 16 + lane / 8 % 2 * 8,
                        f);
      const uint32_t low[2] = {f[0], f[1]}, high[2] = {f[2], f[3]};
      MmaBf16(a[k], low, c[2 * n]);
      MmaBf16(a[k], high, c[2 * n + 1]);
    }
  }
}

// C (16 x kWidth) += A · B for 16 rows of B from `b` on.
template <int kWidth>
__device__ void AddProduct(const uint32_t (&a)[4], const BFloat16* b, int lane,
                           float (&c)[kWidth / 8][4]) {
  constexpr int kRow = kWidth + 8;
#pragma unroll
  for (int k = 0; k < kWidth / 16; ++k) {
    uint32_t f[4];
    LdMatrixX4<true>(b + lane % 16 * kRow + k * 16 + lane / 16 * 8, f);
    const uint32_t low[2] = {f[0], f[1]}, high[2] = {f[2], f[3]};
    MmaBf16(a, low, c[2 * k]);
    MmaBf16(a, high, c[2 * k + 1]);
  }
}

// A tile of 16 rows by way of shared rows of this warp, in whole vectors: a lane has every other
// one of a row. Rows behind the last token stay here.
template <int kWidth>
__device__ void StoreRows(const float (&c)[kWidth / 8][4], BFloat16* shared, int lane, int rows,
                          int64_t stride, BFloat16* to) {
  constexpr int kRow = kWidth + 8;
#pragma unroll
  for (int k = 0; k < kWidth / 8; ++k) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      Store(shared + (lane / 4 + half * 8) * kRow + k * 8 + lane % 4 * 2,
            PackBf16(c[k][2 * half], c[k][2 * half + 1]));
    }
  }
  __syncwarp();
  const int row = lane / 2, half = lane % 2 * 8;
  if (row >= rows) return;
#pragma unroll
  for (int at = half; at < kWidth; at += 16) {
    Store(to + row * stride + at, Load<Vector<BFloat16, 8>>(shared + row * kRow + at));
  }
}

constexpr int SharedBytes(int tiles, int width) {
  return (4 * tiles * 16 * (width + 8) + 2 * tiles * 16 * (tiles * 16 + 8)) * 2;
}

// Blocks of a multiprocessor of sm_90 at least: as many as shared memory has room for, with 128
// registers a thread. Said, because the compiler would else take a few more.
constexpr int LeastBlocks(int tiles, int width) {
  const int by_registers = 65536 / (tiles * 32 * 128);
  const int by_shared = (228 << 10) / (SharedBytes(tiles, width) + 1024);
  return by_registers < by_shared ? by_registers : by_shared;
}

template <int kTiles, int kWidth>
__global__ void __launch_bounds__(kTiles * 32, LeastBlocks(kTiles, kWidth))
    AttentionGradKernel(AttentionGradArgs<BFloat16> p) {
  constexpr int kRow = kWidth + 8, kChunks = kWidth / 8, kTokens = kTiles * 16;
  constexpr int kSquareRow = kTokens + 8;
  CUDA_DYNAMIC_SHARED(memory);
  BFloat16* const q = reinterpret_cast<BFloat16*>(memory);  // (kTokens, kRow), as k, v and dy
  BFloat16* const k = q + kTokens * kRow;
  BFloat16* const v = k + kTokens * kRow;
  BFloat16* const dy = v + kTokens * kRow;
  BFloat16* const probabilities = dy + kTokens * kRow;  // (queries, kSquareRow), as ds
  BFloat16* const ds = probabilities + kTokens * kSquareRow;
  const int image = blockIdx.x / p.heads, head = blockIdx.x % p.heads;
  const int lane = threadIdx.x % 32, first = threadIdx.x / 32 * 16;
  const int width = p.heads * kWidth;
  const int64_t token0 = static_cast<int64_t>(image) * p.tokens;
  const BFloat16* const rows = p.qkv + token0 * 3 * width + head * kWidth;
  const BFloat16* const y_rows = p.y + token0 * width + head * kWidth;
  const BFloat16* const dy_rows = p.dy + token0 * width + head * kWidth;

  for (int i = threadIdx.x; i < kTokens * kChunks; i += kTiles * 32) {
    const int row = i / kChunks, at = i % kChunks * 8;
    const bool none = row >= p.tokens;
    const int64_t from = none ? 0 : row;
    CpAsync16(q + row * kRow + at, rows + from * 3 * width + at, none);
    CpAsync16(k + row * kRow + at, rows + from * 3 * width + width + at, none);
    CpAsync16(v + row * kRow + at, rows + from * 3 * width + 2 * width + at, none);
  }
  CpAsyncCommit();
  // Meanwhile dy goes by way of registers, for δ = Σ dy·y: four lanes have two rows, and their
  // log-sum-exp.
  float delta[2] = {}, lse[2];
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int row = first + lane / 4 + half * 8;
    const bool there = row < p.tokens;
    // Infinite, it makes the probabilities of rows that are none zero.
    lse[half] =
        there ? p.lse[static_cast<int64_t>(blockIdx.x) * p.tokens + row] * kLog2e : INFINITY;
#pragma unroll
    for (int at = lane % 4 * 8; at < kWidth; at += 32) {
      Vector<BFloat16, 8> a = {}, b = {};
      if (there) {
        a = Load<Vector<BFloat16, 8>>(y_rows + static_cast<int64_t>(row) * width + at);
        b = Load<Vector<BFloat16, 8>>(dy_rows + static_cast<int64_t>(row) * width + at);
      }
      Store(dy + row * kRow + at, b);
#pragma unroll
      for (int e = 0; e < 8; ++e) delta[half] += ToFloat(a.v[e]) * ToFloat(b.v[e]);
    }
    delta[half] = WarpSum<4>(delta[half]);
  }
  CpAsyncWait<0>();
  __syncthreads();

  const float scale = 1.0f / sqrtf(static_cast<float>(kWidth));
  float dq[kWidth / 8][4] = {};
  {
    uint32_t a[kWidth / 16][4];
    float s[kTiles * 2][4] = {}, dp[kTiles * 2][4];  // dp is dy · vᵀ - δ
#pragma unroll
    for (int n = 0; n < kTiles * 2; ++n) {
#pragma unroll
      for (int i = 0; i < 4; ++i) dp[n][i] = -delta[i / 2];
    }
#pragma unroll
    for (int i = 0; i < kWidth / 16; ++i) {
      LdMatrixX4<false>(dy + (first + lane % 16) * kRow + i * 16 + lane / 16 * 8, a[i]);
    }
    ProductTransposed<kTiles, kWidth>(a, v, lane, dp);
#pragma unroll
    for (int i = 0; i < kWidth / 16; ++i) {
      LdMatrixX4<false>(q + (first + lane % 16) * kRow + i * 16 + lane / 16 * 8, a[i]);
    }
    ProductTransposed<kTiles, kWidth>(a, k, lane, s);
#pragma unroll
    for (int n = 0; n < kTiles * 2; ++n) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int at = (first + lane / 4 + half * 8) * kSquareRow + n * 8 + lane % 4 * 2;
        float both[2];
#pragma unroll
        for (int i = 0; i < 2; ++i) {
          float probability = Exp2(s[n][2 * half + i] * (scale * kLog2e) - lse[half]);
          // Only the last tile has keys behind the last token.
          if (n >= kTiles * 2 - 2 && n * 8 + lane % 4 * 2 + i >= p.tokens) probability = 0.0f;
          both[i] = probability;
          s[n][2 * half + i] = probability * dp[n][2 * half + i] * scale;  // ds
        }
        Store(probabilities + at, PackBf16(both[0], both[1]));
        Store(ds + at, PackBf16(s[n][2 * half], s[n][2 * half + 1]));
      }
    }
#pragma unroll
    for (int n = 0; n < kTiles; ++n) {
      const uint32_t f[4] = {PackBf16(s[2 * n][0], s[2 * n][1]), PackBf16(s[2 * n][2], s[2 * n][3]),
                             PackBf16(s[2 * n + 1][0], s[2 * n + 1][1]),
                             PackBf16(s[2 * n + 1][2], s[2 * n + 1][3])};
      AddProduct<kWidth>(f, k + n * 16 * kRow, lane, dq);
    }
  }
  __syncthreads();
  // Nobody reads k and v from here on, so results go out by way of the warp's own rows of these.
  BFloat16* const to = p.dqkv + (token0 + first) * 3 * width + head * kWidth;
  const int count = p.tokens - first;
  StoreRows<kWidth>(dq, k + first * kRow, lane, count, 3 * width, to);
  // Of keys first .. first + 15: dv = Pᵀ · dy, dk = dSᵀ · q.
  float dk[kWidth / 8][4] = {}, dv[kWidth / 8][4] = {};
#pragma unroll
  for (int n = 0; n < kTiles; ++n) {
    const int at = (n * 16 + lane % 8 + lane / 16 * 8) * kSquareRow + first + lane / 8 % 2 * 8;
    uint32_t a[4];
    LdMatrixX4<true>(probabilities + at, a);
    AddProduct<kWidth>(a, dy + n * 16 * kRow, lane, dv);
    LdMatrixX4<true>(ds + at, a);
    AddProduct<kWidth>(a, q + n * 16 * kRow, lane, dk);
  }
  StoreRows<kWidth>(dk, v + first * kRow, lane, count, 3 * width, to + width);
  __syncwarp();
  StoreRows<kWidth>(dv, k + first * kRow, lane, count, 3 * width, to + 2 * width);
}

template <int kTiles, int kWidth>
int LaunchGrad(const AttentionGradArgs<BFloat16>& p, Stream stream) {
  constexpr int kShared = SharedBytes(kTiles, kWidth);
  const int allowed = CUDA_ALLOW_SHARED((AttentionGradKernel<kTiles, kWidth>), kShared);
  if (allowed != 0) return allowed;
  return CUDA_LAUNCH((AttentionGradKernel<kTiles, kWidth>), p.batch * p.heads, kTiles * 32, kShared,
                     stream, p);
}

template <int kWidth>
int LaunchGradWidth(const AttentionGradArgs<BFloat16>& p, Stream stream) {
  switch ((p.tokens + 15) / 16) {
    case 1:
      return LaunchGrad<1, kWidth>(p, stream);
    case 2:
      return LaunchGrad<2, kWidth>(p, stream);
    case 3:
      return LaunchGrad<3, kWidth>(p, stream);
    case 4:
      return LaunchGrad<4, kWidth>(p, stream);
    default:
      return LaunchGrad<5, kWidth>(p, stream);
  }
}

}  // namespace

bool HasAttentionGrad(int tokens, int head_width) {
  return tokens >= 1 && tokens <= 80 &&
         (head_width == 32 || head_width == 48 || head_width == 64 || head_width == 80);
}

int AttentionGrad(const AttentionGradArgs<BFloat16>& p, Stream stream) {
  if (p.batch == 0) return 0;
  switch (p.head_width) {
    case 32:
      return LaunchGradWidth<32>(p, stream);
    case 48:
      return LaunchGradWidth<48>(p, stream);
    case 64:
      return LaunchGradWidth<64>(p, stream);
    default:
      return LaunchGradWidth<80>(p, stream);
  }
}

}  // namespace backends::cuda
