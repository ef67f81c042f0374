// Per head, everything lies in the second-level cache and most in the first: the
// packed factors, and the scores of 32 rows at a time.
//
// The build is for AVX2; this file has more, and attention.cc calls it only where
// the processor has it. So nothing of the standard library may be used.
#include <immintrin.h>

#pragma GCC target("avx512f,avx512vl,avx512dq,avx512bw,avx512bf16,amx-tile,amx-bf16")
#pragma GCC target("prefer-vector-width=512")
// GCC's own headers, where a vector may hold anything.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"

#include "backends/cpu/amx_tiles.h"
#include "backends/cpu/attention_amx.h"
#include "backends/cpu/attention_exp_avx512.h"

namespace backends::cpu {
namespace {

constexpr int64_t kBlock = 32;  // rows of scores at a time, two tiles
constexpr float kLog2E = 1.44269504f;

struct alignas(64) TileConfig {
  uint8_t palette = 1;
  uint8_t start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
constexpr TileConfig kConfig;

int64_t Min(int64_t a, int64_t b) { return a < b ? a : b; }

// Sizes in whole tiles.
struct Padded {
  Padded(int64_t queries, int64_t tokens, int64_t width)
      : query_tiles(Tiles(queries)),
        query_depths(Depths(queries)),
        token_tiles(Tiles(tokens)),
        token_depths(Depths(tokens)),
        width_depths(Depths(width)),
        width_tiles(Tiles(width)) {}

  int64_t query_tiles, query_depths, token_tiles, token_depths, width_depths, width_tiles;

  // Bytes of packed factors.
  int64_t Rows(int64_t depths) const { return depths * 32 * width_depths * 64; }
  int64_t Columns(int64_t tiles) const { return tiles * width_depths * kTileBytes; }
  int64_t Pairs(int64_t depths) const { return depths * width_tiles * kTileBytes; }
};

// Scratch memory in pieces.
class Pieces {
 public:
  explicit Pieces(void* memory) : memory_(static_cast<char*>(memory)) {}
  char* Take(int64_t bytes) {
    char* const at = memory_ == nullptr ? nullptr : memory_ + taken_;
    taken_ += (bytes + 63) / 64 * 64;
    return at;
  }
  float* TakeFloats(int64_t floats) { return reinterpret_cast<float*>(Take(floats * 4)); }
  size_t taken() const { return taken_; }

 private:
  char* const memory_;  // may be null: then only sizes are of interest
  size_t taken_ = 0;
};

struct ForwardScratch {
  ForwardScratch(void* memory, const Padded& p) {
    Pieces pieces(memory);
    q = pieces.Take(p.Rows(p.query_depths));
    k = pieces.Take(p.Columns(p.token_tiles));
    v = pieces.Take(p.Pairs(p.token_depths));
    scores = pieces.TakeFloats(kBlock * p.token_depths * 32);
    probabilities = pieces.Take(kBlock * p.token_depths * 64);
    y = pieces.TakeFloats(kBlock * p.width_tiles * 16);
    bytes = pieces.taken();
  }

  char *q, *k, *v, *probabilities;
  float *scores, *y;
  size_t bytes;
};

// A row of unscaled scores to probabilities times their sum, which is returned, and
// the logarithm of that sum and of what it was divided by, the largest term.
float SoftmaxRow(const float* scores, int64_t tokens, float scale, uint16_t* to, float* lse) {
  const __m512 lowest = _mm512_set1_ps(-__builtin_inff());
  const int64_t whole = tokens / 16 * 16;
  const __mmask16 rest = Lanes(tokens - whole);
  __m512 max = _mm512_mask_load_ps(lowest, rest, scores + (rest != 0 ? whole : 0));
  for (int64_t j = 0; j < whole; j += 16) max = _mm512_max_ps(max, _mm512_load_ps(scores + j));
  const float top = _mm512_reduce_max_ps(max);
  const __m512 factor = _mm512_set1_ps(scale * kLog2E);
  const __m512 tops = _mm512_mul_ps(_mm512_set1_ps(top), factor);
  __m512 sum = _mm512_setzero_ps();
  for (int64_t j = 0; j < whole; j += 16) {
    const __m512 p = Exp2(_mm512_fmsub_ps(_mm512_load_ps(scores + j), factor, tops));
    sum = _mm512_add_ps(sum, p);
    _mm256_store_si256(reinterpret_cast<__m256i*>(to + j), (__m256i)_mm512_cvtneps_pbh(p));
  }
  if (rest != 0) {
    const __m512 s = _mm512_fmsub_ps(_mm512_load_ps(scores + whole), factor, tops);
    const __m512 p = _mm512_maskz_mov_ps(rest, Exp2(s));
    sum = _mm512_add_ps(sum, p);
    _mm256_store_si256(reinterpret_cast<__m256i*>(to + whole), (__m256i)_mm512_cvtneps_pbh(p));
  }
  const float total = _mm512_reduce_add_ps(sum);
  *lse = top * scale + __builtin_logf(total);
  return total;
}

// Zeros behind the last tile of columns, up to a whole depth.
void ClearLastColumns(char* rows, int64_t tiles, int64_t depths) {
  if (tiles == 2 * depths) return;
  for (int64_t i = 0; i < kBlock; ++i) {
    _mm256_store_si256(reinterpret_cast<__m256i*>(rows + i * depths * 64 + tiles * 32),
                       _mm256_setzero_si256());
  }
}

struct BackwardScratch {
  BackwardScratch(void* memory, const Padded& p) {
    Pieces pieces(memory);
    k_rows = pieces.Take(p.Rows(p.token_depths));
    v_rows = pieces.Take(p.Rows(p.token_depths));
    q_columns = pieces.Take(p.Columns(p.token_tiles));
    dy_columns = pieces.Take(p.Columns(p.token_tiles));
    q_pairs = pieces.Take(p.Pairs(p.token_depths));
    dy_pairs = pieces.Take(p.Pairs(p.token_depths));
    k_pairs = pieces.Take(p.Pairs(p.token_depths));
    lse = pieces.TakeFloats(p.token_tiles * 16);
    delta = pieces.TakeFloats(p.token_tiles * 16);
    scores = pieces.TakeFloats(kBlock * kBlock);
    dp = pieces.TakeFloats(kBlock * kBlock);
    words = pieces.Take(2 * kTileBytes);
    probabilities = pieces.Take(kBlock * p.token_depths * 64);
    ds_rows = pieces.Take(kBlock * p.token_depths * 64);
    ds = pieces.Take(p.token_tiles * p.token_depths * kTileBytes);
    result = pieces.TakeFloats(kBlock * p.width_tiles * 16);
    bytes = pieces.taken();
  }

  char *k_rows, *v_rows, *q_columns, *dy_columns;
  char *q_pairs, *dy_pairs, *k_pairs;
  float *lse, *delta;               // of each query; lse in powers of two
  float *scores, *dp;               // kBlock keys x kBlock queries
  char* words;                      // of ds, two tiles: pairs of keys x queries
  char *probabilities, *ds_rows;    // bf16, kBlock keys x all queries
  char* ds;                         // tiles of a left factor, queries x keys
  float* result;
  size_t bytes;
};

// lse and delta of each query. Where padding asks, probabilities are zero.
void PrepareQueries(AmxRows<const uint16_t> y, AmxRows<const uint16_t> dy, const float* lse,
                    int64_t width, int64_t padded, const BackwardScratch& s) {
  for (int64_t i = 0; i < padded; ++i) {
    if (i >= y.rows) {
      s.lse[i] = 1000.0f;
      s.delta[i] = 0.0f;
      continue;
    }
    s.lse[i] = lse[i] * kLog2E;
    __m512 sum = _mm512_setzero_ps();
    for (int64_t j = 0; j < width; j += 16) {
      const __mmask16 lanes = Lanes(width - j);
      const __m256i a = _mm256_maskz_loadu_epi16(lanes, RowOf(y, i) + j);
      const __m256i b = _mm256_maskz_loadu_epi16(lanes, RowOf(dy, i) + j);
      sum = _mm512_fmadd_ps(
          _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(a), 16)),
          _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(b), 16)), sum);
    }
    s.delta[i] = _mm512_reduce_add_ps(sum);
  }
}

// One tile of scores and of dp, 16 queries from `query` of `keys` keys, to
// probabilities and ds as rows, and to ds as words of two keys. Rows of padding
// become zero.
void GradientTile(const float* scores, const float* dp, int64_t keys, int64_t query, float factor,
                  int64_t row_bytes, const BackwardScratch& s, char* words) {
  const __m512 lse = _mm512_load_ps(s.lse + query), delta = _mm512_load_ps(s.delta + query);
  const __m512 factors = _mm512_set1_ps(factor);
  const __m512i pairs = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24,
                                         8, 23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  for (int64_t i = 0; i < kBlock; i += 2) {
    const __mmask16 both[2] = {Lanes(i < keys ? 16 : 0), Lanes(i + 1 < keys ? 16 : 0)};
    __m512 p[2], ds[2];
#pragma GCC unroll 2
    for (int r = 0; r < 2; ++r) {
      const __m512 score = _mm512_load_ps(scores + (i + r) * kBlock);
      p[r] = _mm512_maskz_mov_ps(both[r], Exp2(_mm512_fmsub_ps(score, factors, lse)));
      ds[r] = _mm512_maskz_mul_ps(
          both[r], p[r], _mm512_sub_ps(_mm512_load_ps(dp + (i + r) * kBlock), delta));
    }
    const __m512i p_rows = (__m512i)_mm512_cvtne2ps_pbh(p[1], p[0]);
    const __m512i ds_rows = (__m512i)_mm512_cvtne2ps_pbh(ds[1], ds[0]);
    char* p_to = s.probabilities + i * row_bytes + query * 2;
    char* ds_to = s.ds_rows + i * row_bytes + query * 2;
    _mm256_store_si256(reinterpret_cast<__m256i*>(p_to), _mm512_castsi512_si256(p_rows));
    _mm256_store_si256(reinterpret_cast<__m256i*>(p_to + row_bytes),
                       _mm512_extracti64x4_epi64(p_rows, 1));
    _mm256_store_si256(reinterpret_cast<__m256i*>(ds_to), _mm512_castsi512_si256(ds_rows));
    _mm256_store_si256(reinterpret_cast<__m256i*>(ds_to + row_bytes),
                       _mm512_extracti64x4_epi64(ds_rows, 1));
    _mm512_store_si512(words + i / 2 * 64, _mm512_permutexvar_epi16(pairs, ds_rows));
  }
}

// Rows [begin, ...) of a·b, times `factor`, as bf16.
void MultiplyAndStore(Left a, int64_t tiles, const char* b, const Padded& p, int64_t depths,
                      float* result, float factor, int64_t width, int64_t begin,
                      AmxRows<uint16_t> to) {
  const int64_t stride = p.width_tiles * 16;
  MultiplyTiles(a, tiles, b, p.width_tiles, depths, result, stride);
  const int64_t count = Min(kBlock, to.rows - begin);
  for (int64_t i = 0; i < count; ++i) {
    StoreRow(result + i * stride, factor, width, RowOf(to, begin + i));
  }
}

}  // namespace

AmxSession::AmxSession() { _tile_loadconfig(&kConfig); }
AmxSession::~AmxSession() { _tile_release(); }

size_t AmxForwardBytes(int64_t queries, int64_t tokens, int64_t head_width) {
  return ForwardScratch(nullptr, Padded(queries, tokens, head_width)).bytes;
}

void AmxForward(const AmxHead& head, const int32_t* ids, AmxRows<uint16_t> y, float* lse,
                void* scratch) {
  const int64_t tokens = head.k.rows, width = head.width;
  const Padded p(y.rows, tokens, width);
  const ForwardScratch s(scratch, p);
  PackRows(head.q, ids, y.rows, p.query_depths * 32, width, s.q);
  PackColumns(head.k, width, s.k);
  PackPairs(head.v, width, s.v);
  ClearLastColumns(s.probabilities, p.token_tiles, p.token_depths);
  const int64_t q_bytes = p.width_depths * 64, row_bytes = p.token_depths * 64;
  const int64_t stride = p.token_depths * 32, y_stride = p.width_tiles * 16;
  for (int64_t begin = 0; begin < y.rows; begin += kBlock) {
    const int64_t count = Min(kBlock, y.rows - begin), tiles = Tiles(count);
    MultiplyTiles(LeftRows(s.q + begin * q_bytes, q_bytes), tiles, s.k, p.token_tiles, p.width_depths,
                  s.scores, stride);
    float sums[kBlock];
    for (int64_t i = 0; i < count; ++i) {
      sums[i] = SoftmaxRow(s.scores + i * stride, tokens, head.scale,
                           reinterpret_cast<uint16_t*>(s.probabilities + i * row_bytes),
                           lse + begin + i);
    }
    MultiplyTiles(LeftRows(s.probabilities, row_bytes), tiles, s.v, p.width_tiles, p.token_depths, s.y,
                  y_stride);
    for (int64_t i = 0; i < count; ++i) {
      StoreRow(s.y + i * y_stride, 1.0f / sums[i], width, RowOf(y, begin + i));
    }
  }
}

size_t AmxBackwardBytes(int64_t tokens, int64_t head_width) {
  return BackwardScratch(nullptr, Padded(tokens, tokens, head_width)).bytes;
}

// Blocks of keys, so rows of sᵀ and dpᵀ: then dv and dk are products of rows as
// they lie, and only dq needs ds the other way round.
void AmxBackward(const AmxHead& head, AmxRows<const uint16_t> y, const float* lse,
                 AmxRows<const uint16_t> dy, const AmxGradients& out, void* scratch) {
  const int64_t tokens = head.k.rows, width = head.width;
  const Padded p(tokens, tokens, width);
  const BackwardScratch s(scratch, p);
  PackRows(head.k, nullptr, tokens, p.token_depths * 32, width, s.k_rows);
  PackRows(head.v, nullptr, tokens, p.token_depths * 32, width, s.v_rows);
  PackColumns(head.q, width, s.q_columns);
  PackColumns(dy, width, s.dy_columns);
  PackPairs(head.q, width, s.q_pairs);
  PackPairs(dy, width, s.dy_pairs);
  PackPairs(head.k, width, s.k_pairs);
  PrepareQueries(y, dy, lse, width, p.token_tiles * 16, s);
  ClearLastColumns(s.probabilities, p.token_tiles, p.token_depths);
  ClearLastColumns(s.ds_rows, p.token_tiles, p.token_depths);

  const int64_t k_bytes = p.width_depths * 64, row_bytes = p.token_depths * 64;
  const float factor = head.scale * kLog2E;
  for (int64_t block = 0; block < p.token_depths; ++block) {
    const int64_t begin = block * kBlock, keys = Min(kBlock, tokens - begin);
    const int64_t tiles = Tiles(keys);
    const Left k = LeftRows(s.k_rows + begin * k_bytes, k_bytes);
    const Left v = LeftRows(s.v_rows + begin * k_bytes, k_bytes);
    for (int64_t tile = 0; tile < p.token_tiles; tile += 2) {
      const int64_t some = Min(2, p.token_tiles - tile), offset = p.Columns(tile);
      MultiplyTiles(k, 2, s.q_columns + offset, some, p.width_depths, s.scores, kBlock);
      MultiplyTiles(v, 2, s.dy_columns + offset, some, p.width_depths, s.dp, kBlock);
      for (int64_t t = 0; t < some; ++t) {
        char* const words = s.words + t * kTileBytes;
        GradientTile(s.scores + t * 16, s.dp + t * 16, keys, (tile + t) * 16, factor, row_bytes, s,
                     words);
        TransposeTile(words, s.ds + ((tile + t) * p.token_depths + block) * kTileBytes);
      }
    }
    MultiplyAndStore(LeftRows(s.probabilities, row_bytes), tiles, s.dy_pairs, p, p.token_depths, s.result,
                     1.0f, width, begin, out.dv);
    MultiplyAndStore(LeftRows(s.ds_rows, row_bytes), tiles, s.q_pairs, p, p.token_depths, s.result,
                     head.scale, width, begin, out.dk);
  }
  for (int64_t tile = 0; tile < p.token_tiles; tile += 2) {
    const int64_t some = Min(2, p.token_tiles - tile);
    const int64_t tile_row = p.token_depths * kTileBytes;
    const Left ds = {s.ds + tile * tile_row, 64, tile_row, kTileBytes};
    MultiplyAndStore(ds, some, s.k_pairs, p, p.token_depths, s.result,
                     head.scale, width, tile * 16, out.dq);
  }
}

}  // namespace backends::cpu
