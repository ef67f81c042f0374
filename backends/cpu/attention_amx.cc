// All data of a head lie in the second-level cache, most of them in the first: the
// packed factors, and the scores of 32 rows at a time.
//
// The build is for AVX2, this file for AMX and AVX-512; attention.cc calls it only where
// the processor has them. So nothing from the standard library may be used.
#include "backends/cpu/attention_amx.h"

#include <immintrin.h>

// After the header, whose inline functions are built for AVX2 everywhere.
#pragma GCC target("avx512f,avx512vl,avx512dq,avx512bw,avx512bf16,amx-tile,amx-bf16")
#pragma GCC target("prefer-vector-width=512")
// GCC's own headers, where a vector may hold anything.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"

#include "backends/cpu/amx_tiles.h"
#include "backends/cpu/attention_exp_avx512.h"

namespace backends::cpu {
namespace {

constexpr int64_t kBlock = 32;  // rows of scores at a time, two tiles
constexpr float kLog2E = 1.44269504f;

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
  char* const memory_;  // null to compute sizes only
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
    vectors = pieces.TakeFloats(16 * 16);
    bytes = pieces.taken();
  }

  char *q, *k, *v, *probabilities;
  float *scores, *y, *vectors;
  size_t bytes;
};

// Element i of the result is the sum, or the largest, of row i of 16 x 16.
template <bool kLargest>
__m512 OfEachRow(const float* rows) {
  __m512i r[16];
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) r[i] = _mm512_load_si512(rows + i * 16);
  Transpose(r);
#pragma GCC unroll 4
  for (int step = 8; step > 0; step /= 2) {
#pragma GCC unroll 8
    for (int i = 0; i < step; ++i) {
      const __m512 a = _mm512_castsi512_ps(r[i]), b = _mm512_castsi512_ps(r[i + step]);
      r[i] = _mm512_castps_si512(kLargest ? _mm512_max_ps(a, b) : _mm512_add_ps(a, b));
    }
  }
  return _mm512_castsi512_ps(r[0]);
}

// Turns 16 rows of unscaled scores, `depths` x 32 columns of which `tokens` count, into
// exponentials, not yet divided by their sums; `to` has the same columns, zeros beyond
// `tokens`. inverse[i] is 1 / the sum of row i; `vectors` is memory for 16 x 16 floats.
void SoftmaxRows(const float* scores, int64_t tokens, int64_t depths, float scale, char* to,
                 float* vectors, float* inverse, float* lse, Ahead* ahead) {
  const int64_t stride = depths * 32, last = tokens - (depths - 1) * 32;
  const __mmask16 low = Lanes(last), high = Lanes(last - 16);
  const __m512 lowest = _mm512_set1_ps(-__builtin_inff());
  for (int64_t i = 0; i < 16; ++i) {
    const float* row = scores + i * stride;
    const float* end = row + stride - 32;
    __m512 a = _mm512_mask_load_ps(lowest, low, end);
    __m512 b = _mm512_mask_load_ps(lowest, high, end + 16);
    for (; row < end; row += 32) {
      a = _mm512_max_ps(a, _mm512_load_ps(row));
      b = _mm512_max_ps(b, _mm512_load_ps(row + 16));
    }
    _mm512_store_ps(vectors + i * 16, _mm512_max_ps(a, b));
  }
  const __m512 factor = _mm512_set1_ps(scale * kLog2E);
  const __m512 all_tops = OfEachRow<true>(vectors);
  alignas(64) float tops[16];
  _mm512_store_ps(tops, all_tops);
  for (int64_t i = 0; i < 16; ++i) {
    const float* row = scores + i * stride;
    const float* end = row + stride - 32;
    char* at = to + i * stride * 2;
    ahead->Step();
    const __m512 top = _mm512_mul_ps(_mm512_set1_ps(tops[i]), factor);
    __m512 sum_a = _mm512_setzero_ps(), sum_b = sum_a;
    for (; row < end; row += 32, at += 64) {
      const __m512 a = Exp2(_mm512_fmsub_ps(_mm512_load_ps(row), factor, top));
      const __m512 b = Exp2(_mm512_fmsub_ps(_mm512_load_ps(row + 16), factor, top));
      sum_a = _mm512_add_ps(sum_a, a);
      sum_b = _mm512_add_ps(sum_b, b);
      _mm512_store_si512(at, (__m512i)_mm512_cvtne2ps_pbh(b, a));
    }
    const __m512 a = _mm512_maskz_mov_ps(
        low, Exp2(_mm512_fmsub_ps(_mm512_maskz_load_ps(low, row), factor, top)));
    const __m512 b = _mm512_maskz_mov_ps(
        high, Exp2(_mm512_fmsub_ps(_mm512_maskz_load_ps(high, row + 16), factor, top)));
    _mm512_store_si512(at, (__m512i)_mm512_cvtne2ps_pbh(b, a));
    _mm512_store_ps(vectors + i * 16,
                    _mm512_add_ps(_mm512_add_ps(sum_a, a), _mm512_add_ps(sum_b, b)));
  }
  const __m512 all_sums = OfEachRow<false>(vectors);
  _mm512_storeu_ps(inverse, _mm512_div_ps(_mm512_set1_ps(1.0f), all_sums));
  _mm512_storeu_ps(lse, _mm512_fmadd_ps(all_tops, _mm512_set1_ps(scale), Log(all_sums)));
}

struct BackwardScratch {
  BackwardScratch(void* memory, const Padded& p) {
    Pieces pieces(memory);
    k_rows = pieces.Take(p.Rows(p.token_depths));
    v_rows = pieces.Take(p.Rows(p.token_depths));
    q_columns = pieces.Take(p.Columns(2 * p.token_depths));
    dy_columns = pieces.Take(p.Columns(2 * p.token_depths));
    q_pairs = pieces.Take(p.Pairs(p.token_depths));
    dy_pairs = pieces.Take(p.Pairs(p.token_depths));
    k_pairs = pieces.Take(p.Pairs(p.token_depths));
    lse = pieces.TakeFloats(p.token_depths * 32);
    delta = pieces.TakeFloats(p.token_depths * 32);
    scores = pieces.TakeFloats(kBlock * kBlock);
    dp = pieces.TakeFloats(kBlock * kBlock);
    words = pieces.Take(2 * kTileBytes);
    probabilities = pieces.Take(kBlock * p.token_depths * 64);
    ds_rows = pieces.Take(kBlock * p.token_depths * 64);
    ds = pieces.Take(2 * p.token_depths * p.token_depths * kTileBytes);
    result = pieces.TakeFloats(kBlock * p.width_tiles * 16);
    bytes = pieces.taken();
  }

  char *k_rows, *v_rows, *q_columns, *dy_columns;
  char *q_pairs, *dy_pairs, *k_pairs;
  float *lse, *delta;             // of each query; lse in powers of two
  float *scores, *dp;             // kBlock keys x kBlock queries
  char* words;                    // of ds, two tiles: pairs of keys x queries
  char *probabilities, *ds_rows;  // bf16, kBlock keys x all queries
  char* ds;                       // tiles of a left factor, queries x keys
  float* result;
  size_t bytes;
};

// Computes lse and delta of each query; padding queries get zero probabilities.
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
      sum = _mm512_fmadd_ps(_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(a), 16)),
                            _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(b), 16)),
                            sum);
    }
    s.delta[i] = _mm512_reduce_add_ps(sum);
  }
}

// Turns scores and dp of `rows` keys (16 or 32), of which `keys` count, and 32 queries
// from `query` into probabilities and ds as rows, zeros beyond `keys`, and ds as words
// of two keys. 16 rows of words are for queries 8L + e with e < 4, where L is the lane
// of 128 bits, and 16 for those with e >= 4.
template <bool kAllKeys>
void GradientBlock(int64_t rows, int64_t keys, int64_t query, float factor, int64_t row_bytes,
                   const BackwardScratch& s) {
  const __m512 lse[2] = {_mm512_load_ps(s.lse + query), _mm512_load_ps(s.lse + query + 16)};
  const __m512 delta[2] = {_mm512_load_ps(s.delta + query), _mm512_load_ps(s.delta + query + 16)};
  const __m512 factors = _mm512_set1_ps(factor);
  for (int64_t i = 0; i < rows; i += 2) {
    __m512i ds_of[2];
#pragma GCC unroll 2
    for (int r = 0; r < 2; ++r) {
      __m512 p[2], ds[2];
#pragma GCC unroll 2
      for (int t = 0; t < 2; ++t) {
        const int64_t at = (i + r) * kBlock + t * 16;
        p[t] = Exp2(_mm512_fmsub_ps(_mm512_load_ps(s.scores + at), factors, lse[t]));
        if (!kAllKeys) p[t] = _mm512_maskz_mov_ps(Lanes(i + r < keys ? 16 : 0), p[t]);
        ds[t] = _mm512_mul_ps(p[t], _mm512_sub_ps(_mm512_load_ps(s.dp + at), delta[t]));
      }
      ds_of[r] = (__m512i)_mm512_cvtne2ps_pbh(ds[1], ds[0]);
      const int64_t to = (i + r) * row_bytes + query * 2;
      _mm512_store_si512(s.probabilities + to, (__m512i)_mm512_cvtne2ps_pbh(p[1], p[0]));
      _mm512_store_si512(s.ds_rows + to, ds_of[r]);
    }
    char* const words = s.words + i / 2 * 64;
    _mm512_store_si512(words, _mm512_unpacklo_epi16(ds_of[0], ds_of[1]));
    _mm512_store_si512(words + kTileBytes, _mm512_unpackhi_epi16(ds_of[0], ds_of[1]));
  }
}

// The words of GradientBlock() as two tiles of a left factor, queries x keys.
void StoreGradientTiles(const char* words, char* first, char* second) {
  for (int half = 0; half < 2; ++half) {
    __m512i r[16];
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) r[i] = _mm512_load_si512(words + half * kTileBytes + i * 64);
    Transpose(r);
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) {
      const int query = i / 4 * 8 + half * 4 + i % 4;
      _mm512_store_si512((query < 16 ? first : second) + query % 16 * 64, r[i]);
    }
  }
}

// Rows [begin, ...) of a·b, times `factor`, as bf16.
void MultiplyAndStore(Left a, int64_t tiles, const char* b, const Padded& p, int64_t depths,
                      float* result, float factor, int64_t width, int64_t begin,
                      AmxRows<uint16_t> to, Ahead* ahead) {
  const int64_t stride = p.width_tiles * 16;
  MultiplyTiles(a, tiles, b, p.width_tiles, depths, result, stride, ahead);
  const int64_t count = Min(kBlock, to.rows - begin);
  for (int64_t i = 0; i < count; ++i) {
    StoreRow(result + i * stride, factor, width, RowOf(to, begin + i));
  }
}

}  // namespace

size_t AmxForwardBytes(int64_t queries, int64_t tokens, int64_t head_width) {
  return ForwardScratch(nullptr, Padded(queries, tokens, head_width)).bytes;
}

void AmxForward(const AmxHead& head, const int32_t* ids, AmxRows<uint16_t> y, float* lse,
                const AmxNext& next, void* scratch) {
  const int64_t tokens = head.k.rows, width = head.width;
  const Padded p(y.rows, tokens, width);
  const ForwardScratch s(scratch, p);
  PackRows(head.q, ids, y.rows, p.query_depths * 32, width, s.q);
  PackColumns(head.k, p.token_tiles * 16, width, s.k);
  PackPairs(head.v, width, s.v);
  const int64_t q_bytes = p.width_depths * 64, row_bytes = p.token_depths * 64;
  const int64_t stride = p.token_depths * 32, y_stride = p.width_tiles * 16;
  // Steps of the products and of the softmax.
  Ahead ahead(next, p.query_depths * ((p.token_tiles + 1) / 2 + (p.width_tiles + 1) / 2) +
                        p.query_tiles * kTileRows);
  for (int64_t begin = 0; begin < y.rows; begin += kBlock) {
    const int64_t count = Min(kBlock, y.rows - begin), tiles = Tiles(count);
    MultiplyTiles(LeftRows(s.q + begin * q_bytes, q_bytes), tiles, s.k, p.token_tiles,
                  p.width_depths, s.scores, stride, &ahead);
    float inverse[kBlock], lses[kBlock];
    for (int64_t i = 0; i < tiles * 16; i += 16) {
      SoftmaxRows(s.scores + i * stride, tokens, p.token_depths, head.scale,
                  s.probabilities + i * row_bytes, s.vectors, inverse + i, lses + i, &ahead);
    }
    for (int64_t i = 0; i < count; ++i) lse[begin + i] = lses[i];
    MultiplyTiles(LeftRows(s.probabilities, row_bytes), tiles, s.v, p.width_tiles, p.token_depths,
                  s.y, y_stride, &ahead);
    for (int64_t i = 0; i < count; ++i) {
      StoreRow(s.y + i * y_stride, inverse[i], width, RowOf(y, begin + i));
    }
  }
  _mm_sfence();  // makes stores that bypassed the caches visible to other threads
}

size_t AmxBackwardBytes(int64_t tokens, int64_t head_width) {
  return BackwardScratch(nullptr, Padded(tokens, tokens, head_width)).bytes;
}

// Works on blocks of keys, that is rows of sᵀ and dpᵀ: dv and dk are then products of
// rows in memory order, and only dq needs ds transposed.
void AmxBackward(const AmxHead& head, AmxRows<const uint16_t> y, const float* lse,
                 AmxRows<const uint16_t> dy, const AmxGradients& out, const AmxNext& next,
                 void* scratch) {
  const int64_t tokens = head.k.rows, width = head.width;
  const Padded p(tokens, tokens, width);
  const BackwardScratch s(scratch, p);
  PackRows(head.k, nullptr, tokens, p.token_depths * 32, width, s.k_rows);
  PackRows(head.v, nullptr, tokens, p.token_depths * 32, width, s.v_rows);
  PackColumns(head.q, p.token_depths * 32, width, s.q_columns);
  PackColumns(dy, p.token_depths * 32, width, s.dy_columns);
  PackPairs(head.q, width, s.q_pairs);
  PackPairs(dy, width, s.dy_pairs);
  PackPairs(head.k, width, s.k_pairs);
  PrepareQueries(y, dy, lse, width, p.token_depths * 32, s);

  const int64_t k_bytes = p.width_depths * 64, row_bytes = p.token_depths * 64;
  const float factor = head.scale * kLog2E;
  Ahead ahead(next, p.token_depths * (2 * p.token_depths + 3 * ((p.width_tiles + 1) / 2)));
  for (int64_t block = 0; block < p.token_depths; ++block) {
    const int64_t begin = block * kBlock, keys = Min(kBlock, tokens - begin);
    const int64_t tiles = Tiles(keys);
    const Left k = LeftRows(s.k_rows + begin * k_bytes, k_bytes);
    const Left v = LeftRows(s.v_rows + begin * k_bytes, k_bytes);
    if (tiles == 1) {
      // Keys beyond the first tile are not computed.
      for (int64_t i = 8; i < 16; ++i) {
        _mm512_store_si512(s.words + i * 64, _mm512_setzero_si512());
        _mm512_store_si512(s.words + kTileBytes + i * 64, _mm512_setzero_si512());
      }
    }
    for (int64_t tile = 0; tile < 2 * p.token_depths; tile += 2) {
      const int64_t offset = p.Columns(tile);
      MultiplyTiles(k, tiles, s.q_columns + offset, 2, p.width_depths, s.scores, kBlock, &ahead);
      MultiplyTiles(v, tiles, s.dy_columns + offset, 2, p.width_depths, s.dp, kBlock, &ahead);
      if (keys == tiles * 16) {
        GradientBlock<true>(tiles * 16, keys, tile * 16, factor, row_bytes, s);
      } else {
        GradientBlock<false>(tiles * 16, keys, tile * 16, factor, row_bytes, s);
      }
      char* const ds = s.ds + (tile * p.token_depths + block) * kTileBytes;
      StoreGradientTiles(s.words, ds, ds + p.token_depths * kTileBytes);
    }
    MultiplyAndStore(LeftRows(s.probabilities, row_bytes), tiles, s.dy_pairs, p, p.token_depths,
                     s.result, 1.0f, width, begin, out.dv, &ahead);
    MultiplyAndStore(LeftRows(s.ds_rows, row_bytes), tiles, s.q_pairs, p, p.token_depths, s.result,
                     head.scale, width, begin, out.dk, &ahead);
  }
  for (int64_t tile = 0; tile < p.token_tiles; tile += 2) {
    const int64_t some = Min(2, p.token_tiles - tile);
    const int64_t tile_row = p.token_depths * kTileBytes;
    const Left ds = {s.ds + tile * tile_row, 64, tile_row, kTileBytes};
    MultiplyAndStore(ds, some, s.k_pairs, p, p.token_depths, s.result, head.scale, width, tile * 16,
                     out.dq, &ahead);
  }
  _mm_sfence();  // as above
}

}  // namespace backends::cpu
