// Products on AMX tiles and the packing of their factors. Including files are
// compiled for AMX and AVX-512, so everything here has internal linkage and uses
// nothing from the standard library.
//
// A tile is 16 rows of 64 bytes: 16 x 32 bf16 of the left factor, 16 pairs of
// rows x 16 columns of the right one ("pairs": the two elements of a column in
// one 32-bit word), 16 x 16 f32 of the result. All sizes here are padded with
// zeros to whole tiles. A right factor is stored tile by tile, 1 KiB each, one
// column of tiles after the other.
#ifndef BACKENDS_CPU_AMX_TILES_H_
#define BACKENDS_CPU_AMX_TILES_H_

#include <immintrin.h>

#include <cstdint>

#include "backends/cpu/amx_rows.h"

namespace backends::cpu {
namespace {

constexpr int64_t kTileBytes = 1024;
constexpr int64_t kTileRows = 16;   // also f32 columns, and columns of a right factor
constexpr int64_t kTileDepth = 32;  // bf16 that one tile product sums over

constexpr int64_t Min(int64_t a, int64_t b) { return a < b ? a : b; }
constexpr int64_t Tiles(int64_t n) { return (n + kTileRows - 1) / kTileRows; }
constexpr int64_t Depths(int64_t n) { return (n + kTileDepth - 1) / kTileDepth; }

template <typename T>
inline T* RowOf(AmxRows<T> rows, int64_t i) {
  return rows.data + i * rows.stride;
}

// A mask of up to 32 elements: fewer bits at the end of a row.
inline __mmask32 Words(int64_t left) {
  return left >= 32 ? 0xffffffffu : left <= 0 ? 0u : (1u << left) - 1;
}
inline __mmask16 Lanes(int64_t left) { return static_cast<__mmask16>(Words(left)); }

// Prefetches the rows of `next`, spread evenly over `steps` steps of other work.
class Ahead {
 public:
  Ahead(const AmxNext& next, int64_t steps) : next_(next), steps_(steps) {
    for (int64_t i = 0; i < next.count; ++i) rows_ += next.parts[i].rows;
  }
  void Step() {
    for (due_ += rows_; asked_ < due_ && part_ < next_.count; asked_ += steps_) {
      const AmxRows<const uint16_t>& part = next_.parts[part_];
      const char* const row = reinterpret_cast<const char*>(RowOf(part, row_));
      for (int64_t at = 0; at < next_.width * 2; at += 64) _mm_prefetch(row + at, _MM_HINT_T1);
      if (++row_ < part.rows) continue;
      row_ = 0;
      ++part_;
    }
  }

 private:
  const AmxNext& next_;
  const int64_t steps_;
  int64_t rows_ = 0, part_ = 0, row_ = 0;
  int64_t due_ = 0, asked_ = 0;  // rows times steps
};

// A left factor: tile (i, k) is 16 rows, row_bytes apart, at
// data + i * tile_bytes + k * depth_bytes.
struct Left {
  const char* data;
  int64_t row_bytes, tile_bytes, depth_bytes;
};

// A left factor with dense rows.
inline Left LeftRows(const char* data, int64_t row_bytes) {
  return {data, row_bytes, kTileRows * row_bytes, 64};
}

// kRows x kCols tiles of c = a·b, summed over `depths` tiles. b's columns of tiles
// are `depths` KiB apart, c's rows `stride` floats.
template <int kRows, int kCols>
inline void TileProduct(Left a, const char* b, int64_t depths, float* c, int64_t stride) {
  static_assert(kRows <= 2 && kCols <= 2, "four tiles of sums, two of each factor");
  const char* a1 = a.data + a.tile_bytes;
  const char* b1 = b + depths * kTileBytes;
  // The compiler does not know that loading a tile reads memory.
  __asm__ volatile("" ::: "memory");
  _tile_zero(0);
  if (kCols == 2) _tile_zero(1);
  if (kRows == 2) _tile_zero(2);
  if (kRows == 2 && kCols == 2) _tile_zero(3);
  for (int64_t k = 0; k < depths; ++k) {
    _tile_loadd(4, a.data + k * a.depth_bytes, a.row_bytes);
    _tile_loadd(6, b + k * kTileBytes, 64);
    _tile_dpbf16ps(0, 4, 6);
    if (kCols == 2) {
      _tile_loadd(7, b1 + k * kTileBytes, 64);
      _tile_dpbf16ps(1, 4, 7);
    }
    if (kRows == 2) {
      _tile_loadd(5, a1 + k * a.depth_bytes, a.row_bytes);
      _tile_dpbf16ps(2, 5, 6);
      if (kCols == 2) _tile_dpbf16ps(3, 5, 7);
    }
  }
  _tile_stored(0, c, stride * 4);
  if (kCols == 2) _tile_stored(1, c + 16, stride * 4);
  if (kRows == 2) _tile_stored(2, c + 16 * stride, stride * 4);
  if (kRows == 2 && kCols == 2) _tile_stored(3, c + 16 * stride + 16, stride * 4);
}

// `rows` (1 or 2) x `cols` tiles, with a step of `ahead` for every two columns.
inline void MultiplyTiles(Left a, int64_t rows, const char* b, int64_t cols, int64_t depths,
                          float* c, int64_t stride, Ahead* ahead) {
  int64_t j = 0;
  for (; j + 2 <= cols; j += 2) {
    ahead->Step();
    if (rows == 2) {
      TileProduct<2, 2>(a, b + j * depths * kTileBytes, depths, c + j * 16, stride);
    } else {
      TileProduct<1, 2>(a, b + j * depths * kTileBytes, depths, c + j * 16, stride);
    }
  }
  if (j == cols) return;
  ahead->Step();
  if (rows == 2) {
    TileProduct<2, 1>(a, b + j * depths * kTileBytes, depths, c + j * 16, stride);
  } else {
    TileProduct<1, 1>(a, b + j * depths * kTileBytes, depths, c + j * 16, stride);
  }
}

// Transposes 16 x 16 words of 32 bits.
inline void Transpose(__m512i* r) {
  __m512i t[16];
#pragma GCC unroll 8
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
  }
  // Lane L of r[4g + c] becomes column 4L + c of the rows 4g to 4g + 3.
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4) {
    r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
    r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
    r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
    r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
#pragma GCC unroll 4
  for (int c = 0; c < 4; ++c) {
    t[c] = _mm512_shuffle_i32x4(r[c], r[4 + c], 0x88);
    t[4 + c] = _mm512_shuffle_i32x4(r[c], r[4 + c], 0xdd);
    t[8 + c] = _mm512_shuffle_i32x4(r[8 + c], r[12 + c], 0x88);
    t[12 + c] = _mm512_shuffle_i32x4(r[8 + c], r[12 + c], 0xdd);
  }
#pragma GCC unroll 4
  for (int c = 0; c < 4; ++c) {
    r[c] = _mm512_shuffle_i32x4(t[c], t[8 + c], 0x88);
    r[8 + c] = _mm512_shuffle_i32x4(t[c], t[8 + c], 0xdd);
    r[4 + c] = _mm512_shuffle_i32x4(t[4 + c], t[12 + c], 0x88);
    r[12 + c] = _mm512_shuffle_i32x4(t[4 + c], t[12 + c], 0xdd);
  }
}

// Packs a left factor, 64 bytes a depth: row i of `count` (row ids[i] if there are ids), `width`
// elements, padded with zeros to whole depths; then zero rows up to `padded`.
inline void PackRows(AmxRows<const uint16_t> from, const int32_t* ids, int64_t count,
                     int64_t padded, int64_t width, char* to) {
  const int64_t depths = Depths(width);
  for (int64_t i = 0; i < padded; ++i) {
    const int64_t left = i < count ? width : 0;
    const uint16_t* row = i < count ? RowOf(from, ids == nullptr ? i : ids[i]) : from.data;
    for (int64_t k = 0; k < depths; ++k) {
      _mm512_store_si512(to + (i * depths + k) * 64,
                         _mm512_maskz_loadu_epi16(Words(left - k * 32), row + k * 32));
    }
  }
}

// Packs the transpose of `from` as a right factor: its rows become columns, with zero
// columns up to `padded`; products sum over the elements of its rows.
inline void PackColumns(AmxRows<const uint16_t> from, int64_t padded, int64_t width, char* to) {
  const int64_t depths = Depths(width);
  for (int64_t i = 0; i < padded; i += kTileRows) {
    for (int64_t k = 0; k < depths; ++k, to += kTileBytes) {
      const __mmask32 words = Words(width - k * 32);
      __m512i r[16];
#pragma GCC unroll 16
      for (int64_t n = 0; n < 16; ++n) {
        const bool inside = i + n < from.rows;
        r[n] =
            _mm512_maskz_loadu_epi16(inside ? words : 0, RowOf(from, inside ? i + n : 0) + k * 32);
      }
      Transpose(r);
#pragma GCC unroll 16
      for (int n = 0; n < 16; ++n) _mm512_store_si512(to + n * 64, r[n]);
    }
  }
}

// Packs `from` as a right factor: products sum over its rows.
inline void PackPairs(AmxRows<const uint16_t> from, int64_t width, char* to) {
  const int64_t depths = Depths(from.rows);
  for (int64_t pair = 0; pair < depths * 16; ++pair) {
    const int64_t first = 2 * pair, second = first + 1;
    char* at = to + pair * 64;
    for (int64_t j = 0; j < width; j += 16, at += depths * kTileBytes) {
      const __mmask16 lanes = Lanes(width - j);
      const __m256i low = _mm256_maskz_loadu_epi16(
          first < from.rows ? lanes : 0, (first < from.rows ? RowOf(from, first) : from.data) + j);
      const __m256i high =
          _mm256_maskz_loadu_epi16(second < from.rows ? lanes : 0,
                                   (second < from.rows ? RowOf(from, second) : from.data) + j);
      _mm512_store_si512(at, _mm512_or_si512(_mm512_cvtepu16_epi32(low),
                                             _mm512_slli_epi32(_mm512_cvtepu16_epi32(high), 16)));
    }
  }
}

// Stores a row of f32, times its factor, rounded. A head's rows are far apart, so whole lines
// bypass the caches: otherwise each would be read from memory only to be overwritten. Measured
// at batch 64: the next operator does not lose as much. Results below 10 MB were not measured.
// `from` has `width` floats, padded to a whole tile.
inline void StoreRow(const float* from, float factor, int64_t width, uint16_t* to) {
  const __m512 times = _mm512_set1_ps(factor);
  const bool lines = reinterpret_cast<uintptr_t>(to) % 64 == 0;
  for (int64_t j = 0; j < width; j += 32) {
    const __m512 low = _mm512_mul_ps(_mm512_load_ps(from + j), times);
    const __m512 high =
        j + 16 < width ? _mm512_mul_ps(_mm512_load_ps(from + j + 16), times) : _mm512_setzero_ps();
    const __m512i both = (__m512i)_mm512_cvtne2ps_pbh(high, low);
    if (lines && j + 32 <= width) {
      _mm512_stream_si512(reinterpret_cast<__m512i*>(to + j), both);
    } else {
      _mm512_mask_storeu_epi16(to + j, Words(width - j), both);
    }
  }
}

}  // namespace
}  // namespace backends::cpu

#endif  // BACKENDS_CPU_AMX_TILES_H_
