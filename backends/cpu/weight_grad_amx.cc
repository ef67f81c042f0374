// The build is for AVX2, this file for AMX and AVX-512; matmul.cc calls it only where the
// processor has them. So nothing from the standard library may be used.
#include "backends/cpu/weight_grad_amx.h"

#include <immintrin.h>

// After the header, whose inline functions are built for AVX2 everywhere.
#pragma GCC target("avx512f,avx512vl,avx512dq,avx512bw,avx512bf16,amx-tile,amx-bf16")
#pragma GCC target("prefer-vector-width=512")
// GCC's own headers, where a vector may hold anything.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"

#include "backends/cpu/amx_tiles.h"

namespace backends::cpu {
namespace {

// A panel is 32 columns of a factor: two tiles of 16 columns for every 32 rows.
constexpr int64_t kPanel = 32;
constexpr int64_t kStep = 2 * kTileBytes;

// Rows of a block. Fewer would load and store the result more often; more would let a thread
// keep fewer panels, past which the others stream. Measured with two threads: 832 to 2176
// rows differ by less than the machine's noise, 3328 are a tenth slower.
constexpr int64_t kBlockRows = 1664;
// The share of a thread's panels in a second-level cache of 2 MiB. The rest is for two
// streamed panels.
constexpr int64_t kKeptBytes = 880 << 10;

int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Words of two rows: `low` of columns 0 to 15, `high` of the others.
inline void Interleave(__m512i first, __m512i second, __m512i* low, __m512i* high) {
  // Columns 4L to 4L + 3 beside 16 + 4L to 16 + 4L + 3 in lane L.
  const __m512i order = _mm512_setr_epi64(0, 4, 1, 5, 2, 6, 3, 7);
  first = _mm512_permutexvar_epi64(order, first);
  second = _mm512_permutexvar_epi64(order, second);
  *low = _mm512_unpacklo_epi16(first, second);
  *high = _mm512_unpackhi_epi16(first, second);
}

// Packs 32 rows of `columns` columns from `from` on as two tiles of a left or right factor;
// zeros beyond `rows` and `columns`.
template <bool kLeft>
void PackStep(const uint16_t* from, int64_t stride, int64_t rows, int64_t columns, char* to) {
  __m512i low[16], high[16];
  if (rows >= 32 && columns >= 32) {
#pragma GCC unroll 16
    for (int64_t i = 0; i < 16; ++i) {
      Interleave(_mm512_loadu_si512(from + 2 * i * stride),
                 _mm512_loadu_si512(from + (2 * i + 1) * stride), &low[i], &high[i]);
    }
  } else {
    const __mmask32 words = Words(columns);
    for (int64_t i = 0; i < 16; ++i) {
      const int64_t first = 2 * i < rows ? 2 * i : 0, second = 2 * i + 1 < rows ? 2 * i + 1 : 0;
      Interleave(_mm512_maskz_loadu_epi16(2 * i < rows ? words : 0, from + first * stride),
                 _mm512_maskz_loadu_epi16(2 * i + 1 < rows ? words : 0, from + second * stride),
                 &low[i], &high[i]);
    }
  }
  if (kLeft) {
    Transpose(low);
    Transpose(high);
  }
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) _mm512_store_si512(to + i * 64, low[i]);
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) _mm512_store_si512(to + kTileBytes + i * 64, high[i]);
}

// Packs panels [begin, end) of `rows` rows of a factor of `width` columns.
template <bool kLeft>
void PackPanels(const uint16_t* from, int64_t width, int64_t rows, int64_t begin, int64_t end,
                char* to) {
  const int64_t depths = Depths(rows), panels = end - begin;
  for (int64_t k = 0; k < depths; ++k) {
    const uint16_t* const row = from + k * kTileDepth * width;
    const uint16_t* const next = row + kTileDepth * width;
    const int64_t next_rows = Min(kTileDepth, rows - (k + 1) * kTileDepth);
    for (int64_t p = 0; p < panels; ++p) {
      // Prefetches the next rows: the processor does not predict such strides, and memory
      // is faster for lines in order.
      for (int64_t i = next_rows * p / panels; i < next_rows * (p + 1) / panels; ++i) {
        for (int64_t q = begin; q < end; ++q) {
          _mm_prefetch(reinterpret_cast<const char*>(next + i * width + q * kPanel), _MM_HINT_T1);
        }
      }
      PackStep<kLeft>(row + (begin + p) * kPanel, width, rows - k * kTileDepth,
                      width - (begin + p) * kPanel, to + (p * depths + k) * kStep);
    }
  }
}

}  // namespace

// 32 x 32 sums and where they go.
struct AmxWeightGrad::Sums {
  const float* from;
  float* to;
  int64_t stride, rows, columns;
  bool add;     // to what is there
  bool stream;  // whole cache lines bypass the caches

  // Stores at most `count` rows from `begin` on. Returns the first row that is left.
  int64_t Store(int64_t begin, int64_t count) const {
    const int64_t end = Min(begin + count, rows);
    for (int64_t i = begin; i < end; ++i) {
      float* const at = to + i * stride;
      __m512 low = _mm512_load_ps(from + i * kPanel), high = _mm512_load_ps(from + i * kPanel + 16);
      if (stream) {
        _mm512_stream_ps(at, low);
        _mm512_stream_ps(at + 16, high);
        continue;
      }
      const __mmask16 left = Lanes(columns), right = Lanes(columns - 16);
      if (add) {
        low = _mm512_add_ps(_mm512_maskz_loadu_ps(left, at), low);
        high = _mm512_add_ps(_mm512_maskz_loadu_ps(right, at + 16), high);
      }
      _mm512_mask_storeu_ps(at, left, low);
      _mm512_mask_storeu_ps(at + 16, right, high);
    }
    return end;
  }
};

AmxWeightGrad::AmxWeightGrad(int64_t rows, int64_t m, int64_t n, int threads)
    : rows_(rows), m_(m), n_(n), threads_(threads), keeps_left_(m > n) {
  kept_panels_ = CeilDiv(keeps_left_ ? m : n, kPanel);
  streamed_panels_ = CeilDiv(keeps_left_ ? n : m, kPanel);
  blocks_ = CeilDiv(rows, kBlockRows);
  block_rows_ = CeilDiv(CeilDiv(rows, blocks_), kTileDepth) * kTileDepth;
  blocks_ = CeilDiv(rows, block_rows_);
  // The parts whose largest is smallest; of several such those that pack least twice.
  kept_parts_ = streamed_parts_ = 1;
  int64_t least = kept_panels_ * streamed_panels_ + 1;
  for (int64_t parts = 1; parts <= threads; ++parts) {
    if (threads % parts != 0) continue;
    const int64_t largest =
        CeilDiv(kept_panels_, parts) * CeilDiv(streamed_panels_, threads / parts);
    if (largest > least) continue;
    least = largest;
    kept_parts_ = parts;
    streamed_parts_ = threads / parts;
  }
  const int64_t panel_bytes = block_rows_ * kPanel * 2;
  const int64_t part = CeilDiv(kept_panels_, kept_parts_);
  group_ = Min(part, kKeptBytes / panel_bytes);
  group_ = CeilDiv(part, CeilDiv(part, group_));
  shared_bytes_ = streamed_panels_ * panel_bytes;
  own_bytes_ = group_ * panel_bytes + 2 * kPanel * kPanel * sizeof(float);
}

int64_t AmxWeightGrad::BlockRows(int64_t block) const {
  return Min(block_rows_, rows_ - block * block_rows_);
}

void AmxWeightGrad::Pack(const uint16_t* a, const uint16_t* b, int64_t block, int thread, int team,
                         void* scratch) const {
  const int64_t width = keeps_left_ ? n_ : m_, rows = BlockRows(block);
  const uint16_t* from = (keeps_left_ ? b : a) + block * block_rows_ * width;
  const int64_t begin = streamed_panels_ * thread / team;
  const int64_t end = streamed_panels_ * (thread + 1) / team;
  char* const to = static_cast<char*>(scratch) + begin * Depths(rows) * kStep;
  if (keeps_left_) {
    PackPanels<false>(from, width, rows, begin, end, to);
  } else {
    PackPanels<true>(from, width, rows, begin, end, to);
  }
}

template <bool kKeepsLeft>
void AmxWeightGrad::MultiplyPart(const uint16_t* kept, int64_t block, int64_t part,
                                 const char* shared, char* own, float* c) const {
  const int64_t kept_part = part / streamed_parts_, streamed_part = part % streamed_parts_;
  const int64_t width = kKeepsLeft ? m_ : n_, rows = BlockRows(block), depths = Depths(rows);
  const int64_t panel_bytes = depths * kStep;
  kept += block * block_rows_ * width;
  float* const buffer = reinterpret_cast<float*>(own);
  own += 2 * kPanel * kPanel * sizeof(float);
  const int64_t kept_begin = kept_panels_ * kept_part / kept_parts_;
  const int64_t kept_end = kept_panels_ * (kept_part + 1) / kept_parts_;
  const int64_t streamed_begin = streamed_panels_ * streamed_part / streamed_parts_;
  const int64_t streamed_end = streamed_panels_ * (streamed_part + 1) / streamed_parts_;
  if (streamed_begin == streamed_end) return;
  // Whole cache lines that are not read soon.
  const bool stream = blocks_ == 1 && n_ % 16 == 0 && reinterpret_cast<uintptr_t>(c) % 64 == 0;
  const int64_t store_rows = CeilDiv(kPanel, depths);
  Sums waiting = {};
  int turn = 0;
  for (int64_t begin = kept_begin; begin < kept_end; begin += group_) {
    const int64_t end = Min(begin + group_, kept_end);
    PackPanels<kKeepsLeft>(kept, width, rows, begin, end, own);
    // While one panel is used, the next is prefetched, some lines at each step.
    const int64_t fetch = CeilDiv(panel_bytes / 64, (end - begin) * depths);
    for (int64_t s = streamed_begin; s < streamed_end; ++s) {
      const char* const streamed = shared + s * panel_bytes;
      const char* next = streamed + panel_bytes;
      const char* const next_end = s + 1 < streamed_end ? next + panel_bytes : next;
      for (int64_t p = begin; p < end; ++p) {
        const char* const own_panel = own + (p - begin) * panel_bytes;
        const char* const left = kKeepsLeft ? own_panel : streamed;
        const char* const right = kKeepsLeft ? streamed : own_panel;
        int64_t stored = 0;
        // The compiler does not know that loading a tile reads memory.
        __asm__ volatile("" ::: "memory");
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
        for (int64_t k = 0; k < depths; ++k) {
          _tile_loadd(4, left + k * kStep, 64);
          _tile_loadd(6, right + k * kStep, 64);
          _tile_dpbf16ps(0, 4, 6);
          _tile_loadd(7, right + k * kStep + kTileBytes, 64);
          _tile_dpbf16ps(1, 4, 7);
          _tile_loadd(5, left + k * kStep + kTileBytes, 64);
          _tile_dpbf16ps(2, 5, 6);
          _tile_dpbf16ps(3, 5, 7);
          for (int64_t line = 0; line < fetch && next < next_end; ++line, next += 64) {
            _mm_prefetch(next, _MM_HINT_T1);
          }
          if (stored < waiting.rows) stored = waiting.Store(stored, store_rows);
        }
        float* const sums = buffer + turn * kPanel * kPanel;
        _tile_stored(0, sums, kPanel * 4);
        _tile_stored(1, sums + 16, kPanel * 4);
        _tile_stored(2, sums + 16 * kPanel, kPanel * 4);
        _tile_stored(3, sums + 16 * kPanel + 16, kPanel * 4);
        __asm__ volatile("" ::: "memory");
        const int64_t i = (kKeepsLeft ? p : s) * kPanel, j = (kKeepsLeft ? s : p) * kPanel;
        const int64_t columns = Min(kPanel, n_ - j);
        waiting = {sums,
                   c + i * n_ + j,
                   n_,
                   Min(kPanel, m_ - i),
                   columns,
                   block > 0,
                   stream && columns == kPanel};
        turn ^= 1;
      }
    }
  }
  waiting.Store(0, kPanel);
  _mm_sfence();
}

void AmxWeightGrad::Multiply(const uint16_t* a, const uint16_t* b, int64_t block, int thread,
                             int team, void* scratch, float* c) const {
  char* const shared = static_cast<char*>(scratch);
  char* const own = shared + shared_bytes_ + thread * own_bytes_;
  for (int64_t part = thread; part < kept_parts_ * streamed_parts_; part += team) {
    if (keeps_left_) {
      MultiplyPart<true>(a, block, part, shared, own, c);
    } else {
      MultiplyPart<false>(b, block, part, shared, own, c);
    }
  }
}

}  // namespace backends::cpu
