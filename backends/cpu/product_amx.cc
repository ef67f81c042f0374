// Computes 32 x 32 sums at a time in four tiles. Their epilogue (bias, GELU, rounding,
// storing) runs a row or two at a step while the tiles of the next block are multiplied.
// That costs almost nothing, because vectors and tiles use different ports.
//
// The build is for AVX2, this file for AMX and AVX-512; it is called only where the
// processor has them. So nothing from the standard library may be used.
#include "backends/cpu/product_amx.h"

#include <immintrin.h>

// After the header, whose inline functions are built for AVX2 everywhere.
#pragma GCC target("avx512f,avx512vl,avx512dq,avx512bw,avx512bf16,amx-tile,amx-bf16,amx-int8")
#pragma GCC target("prefer-vector-width=512")
// GCC's own headers, where a vector may hold anything.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"

#include "backends/cpu/amx_tiles.h"
#include "backends/cpu/gelu_avx512.h"

namespace backends::cpu {
namespace {

constexpr int64_t kBlock = 32;
constexpr int64_t kRowBytes = kBlock * 4;  // of sums
constexpr int64_t kSumBytes = kBlock * kRowBytes;

enum class Then { kBias, kGelu, kTimes };

// A block of sums whose rows wait to be finished.
struct Pending {
  const char* sums = nullptr;  // kBlock x kBlock of 32 bits
  int64_t row = 0, rows = 0;   // of the product; `rows` from `row` on
  int64_t column = 0;
  const float* row_scales = nullptr;  // of `row` and those after it
  int64_t done = 0;
};

template <bool kIntegers, Then kThen, bool kF32>
class Block {
 public:
  Block(const AmxProduct& product, int64_t depths)
      : p_(product), depths_(depths), rows_a_step_(((kBlock << 16) + depths - 1) / depths) {}

  // Sums 16·kTiles rows of x and 32 columns of B while `before` is finished. Prefetches
  // the lines that finishing this block will read.
  template <int kTiles>
  void Multiply(const char* x, const char* b, char* sums, Pending before, const Pending& next) {
    const Columns columns(p_, before.column);
    const char* const x1 = x + depths_ * kTileBytes;
    const char* const b1 = b + depths_ * kTileBytes;
    // The compiler does not know that loading a tile reads memory.
    __asm__ volatile("" ::: "memory");
    _tile_zero(0);
    _tile_zero(1);
    if (kTiles == 2) {
      _tile_zero(2);
      _tile_zero(3);
    }
    int64_t asked = 0, due = 0;
    for (int64_t d = 0; d < depths_; ++d) {
      _tile_loadd(4, x + d * kTileBytes, 64);
      _tile_loadd(6, b + d * kTileBytes, 64);
      if (kIntegers) {
        _tile_dpbssd(0, 4, 6);
      } else {
        _tile_dpbf16ps(0, 4, 6);
      }
      _tile_loadd(7, b1 + d * kTileBytes, 64);
      if (kIntegers) {
        _tile_dpbssd(1, 4, 7);
      } else {
        _tile_dpbf16ps(1, 4, 7);
      }
      if (kTiles == 2) {
        _tile_loadd(5, x1 + d * kTileBytes, 64);
        if (kIntegers) {
          _tile_dpbssd(2, 5, 6);
          _tile_dpbssd(3, 5, 7);
        } else {
          _tile_dpbf16ps(2, 5, 6);
          _tile_dpbf16ps(3, 5, 7);
        }
      }
      // Evenly, because consecutive stores wait for each other.
      due += rows_a_step_;
      const int64_t until = due >> 16;
      for (const int64_t end = Min(until, before.rows); before.done < end; ++before.done) {
        FinishRow(columns, before);
      }
      if (kThen == Then::kTimes) {
        for (const int64_t end = Min(until, next.rows); asked < end; ++asked) {
          _mm_prefetch(p_.times + (next.row + asked) * p_.n + next.column, _MM_HINT_T0);
        }
      }
    }
    __asm__ volatile("" ::: "memory");
    _tile_stored(0, sums, kRowBytes);
    _tile_stored(1, sums + 64, kRowBytes);
    if (kTiles == 2) {
      _tile_stored(2, sums + 16 * kRowBytes, kRowBytes);
      _tile_stored(3, sums + 16 * kRowBytes + 64, kRowBytes);
    }
    __asm__ volatile("" ::: "memory");
  }

  void Finish(Pending last) {
    const Columns columns(p_, last.column);
    for (; last.done < last.rows; ++last.done) FinishRow(columns, last);
  }

 private:
  // The parameters of 32 columns.
  struct Columns {
    Columns(const AmxProduct& p, int64_t column) : left(p.n - column) {
      const __mmask16 low = Lanes(left), high = Lanes(left - 16);
      bias[0] = bias[1] = _mm512_setzero_ps();
      if (p.bias != nullptr) {
        bias[0] = _mm512_maskz_loadu_ps(low, p.bias + column);
        bias[1] = _mm512_maskz_loadu_ps(high, p.bias + column + 16);
      }
      if (kIntegers) {
        scales[0] = _mm512_maskz_loadu_ps(low, p.scales + column);
        scales[1] = _mm512_maskz_loadu_ps(high, p.scales + column + 16);
      }
    }
    const int64_t left;
    __m512 bias[2], scales[2];
  };

  void FinishRow(const Columns& columns, const Pending& block) {
    const char* const sums = block.sums + block.done * kRowBytes;
    const int64_t at = (block.row + block.done) * p_.n + block.column;
    __m512 v[2];
    for (int half = 0; half < 2; ++half) {
      if (kIntegers) {
        const __m512 scale =
            _mm512_mul_ps(columns.scales[half], _mm512_set1_ps(block.row_scales[block.done]));
        v[half] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(_mm512_load_si512(sums + half * 64)), scale,
                                  columns.bias[half]);
      } else {
        v[half] = _mm512_add_ps(_mm512_load_ps(sums + half * 64), columns.bias[half]);
      }
      if (kThen == Then::kGelu) v[half] = ShortGelu(v[half]);
      if (kThen == Then::kTimes) {
        const __m256i bits =
            _mm256_maskz_loadu_epi16(Lanes(columns.left - half * 16), p_.times + at + half * 16);
        v[half] = _mm512_mul_ps(
            v[half], _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16)));
      }
    }
    if (kF32) {
      float* const y = static_cast<float*>(p_.y) + at;
      for (int half = 0; half < 2; ++half) {
        StoreLine(y + half * 16, _mm512_castps_si512(v[half]),
                  Lanes(columns.left - half * 16) == 0xffff, [&](float* to) {
                    _mm512_mask_storeu_ps(to, Lanes(columns.left - half * 16), v[half]);
                  });
      }
    } else {
      const __m512i words = (__m512i)_mm512_cvtne2ps_pbh(v[1], v[0]);
      StoreLine(static_cast<uint16_t*>(p_.y) + at, words, columns.left >= kBlock,
                [&](uint16_t* to) { _mm512_mask_storeu_epi16(to, Words(columns.left), words); });
    }
  }

  template <typename T, typename StorePart>
  void StoreLine(T* to, __m512i line, bool whole, const StorePart& store_part) {
    if (!whole) {
      store_part(to);
    } else if (p_.stream) {
      _mm512_stream_si512(reinterpret_cast<__m512i*>(to), line);
    } else {
      _mm512_storeu_si512(to, line);
    }
  }

  const AmxProduct& p_;
  const int64_t depths_;
  const int64_t rows_a_step_;  // in 65536ths
};

template <bool kIntegers, Then kThen, bool kF32>
void Multiply(const AmxProduct& p, const char* x, const float* row_scales, int64_t first,
              int64_t rows, char* sums) {
  const int64_t depths = AmxDepths(p.k, kIntegers);
  Block<kIntegers, kThen, kF32> block(p, depths);
  Pending before;
  int64_t turn = 0;
  for (int64_t column = 0; column < p.n; column += kBlock) {
    const char* const b = static_cast<const char*>(p.b) + column / 16 * depths * kTileBytes;
    for (int64_t row = 0; row < rows; row += kBlock, turn ^= 1) {
      Pending next;
      next.sums = sums + turn * kSumBytes;
      next.row = first + row;
      next.rows = Min(rows - row, kBlock);
      next.column = column;
      next.row_scales = kIntegers ? row_scales + row : nullptr;
      const char* const tiles = x + row / 16 * depths * kTileBytes;
      char* const to = sums + turn * kSumBytes;
      if (next.rows > 16) {
        block.template Multiply<2>(tiles, b, to, before, next);
      } else {
        block.template Multiply<1>(tiles, b, to, before, next);
      }
      before = next;
    }
  }
  block.Finish(before);
  if (p.stream) _mm_sfence();
}

}  // namespace

void AmxMultiply(const AmxProduct& p, const void* x, const float* row_scales, int64_t first,
                 int64_t rows, void* sums) {
  const auto choose = [&]() {
    if (p.integers) {
      if (p.gelu) return Multiply<true, Then::kGelu, false>;
      return p.f32 ? Multiply<true, Then::kBias, true> : Multiply<true, Then::kBias, false>;
    }
    if (p.gelu) return Multiply<false, Then::kGelu, false>;
    if (p.times != nullptr) {
      return p.f32 ? Multiply<false, Then::kTimes, true> : Multiply<false, Then::kTimes, false>;
    }
    return p.f32 ? Multiply<false, Then::kBias, true> : Multiply<false, Then::kBias, false>;
  };
  choose()(p, static_cast<const char*>(x), row_scales, first, rows, static_cast<char*>(sums));
}

void AmxPackRows(const uint16_t* from, int64_t rows, int64_t k, void* to) {
  const int64_t depths = AmxDepths(k, false);
  for (int64_t i = 0; i < (rows + 15) / 16 * 16; ++i) {
    char* const row = static_cast<char*>(to) + i / 16 * depths * kTileBytes + i % 16 * 64;
    for (int64_t d = 0; d < depths; ++d) {
      const __m512i words = i < rows
                                ? _mm512_maskz_loadu_epi16(Words(k - d * 32), from + i * k + d * 32)
                                : _mm512_setzero_si512();
      _mm512_store_si512(row + d * kTileBytes, words);
    }
  }
}

void AmxPackByteColumns(const int8_t* rows, int64_t depths, void* to) {
  for (int64_t d = 0; d < depths; ++d) {
    __m512i r[16];
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) r[i] = _mm512_loadu_si512(rows + (i * depths + d) * 64);
    Transpose(r);
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) {
      _mm512_store_si512(static_cast<char*>(to) + d * kTileBytes + i * 64, r[i]);
    }
  }
}

}  // namespace backends::cpu
