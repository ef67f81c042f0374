// y = x·B and its epilogue, in bf16 or 8-bit integers on AMX tiles, on one thread.
// Call these only where HasAmx() (gemm.h), within an AmxSession.
//
// Factors lie in tiles of 1 KiB, 16 rows of 64 bytes, so that a tile is one stream of
// lines from the second-level cache. A block of x stays there while B streams by.
// A depth is the 32 bf16 or 64 integers that one tile product sums over; sums are f32
// or s32. All depths of a row are summed before anything is stored, so y depends
// neither on the blocks nor on the threads.
//
//   x   tile (i, d) at (i · depths + d) KiB: rows 16i to 16i + 15, depth d
//   B   tile (j, d) at (j · depths + d) KiB: columns 16j to 16j + 15; its rows hold 2
//       (bf16) or 4 (integers) neighbouring k of each column. oneDNN calls the bf16
//       layout BA16a16b2a. Zeros fill tiles in which k or n ends; if the number of
//       tiles in n is odd, the tile after the last one is read, too.
#ifndef BACKENDS_CPU_PRODUCT_AMX_H_
#define BACKENDS_CPU_PRODUCT_AMX_H_

#include <cstddef>
#include <cstdint>

namespace backends::cpu {

constexpr int64_t kAmxTileBytes = 1024;

// B and the epilogue. Owns nothing; y, b, x and sums are aligned to 64 bytes.
struct AmxProduct {
  int64_t k = 0, n = 0;
  const void* b = nullptr;
  bool integers = false;  // s8 factors, else bf16

  // y = act(sum · row_scale · scales[column] + bias[column]) · times[row, column]
  const float* scales = nullptr;    // (n), with integers only
  const float* bias = nullptr;      // (n) or null
  bool gelu = false;                // bf16 results only; within 6e-5 before rounding
  const uint16_t* times = nullptr;  // (rows, n) bf16 or null; not with gelu or integers

  void* y = nullptr;  // (rows, n) bf16 or f32
  bool f32 = false;
  // y is so large that it would only evict other data: whole lines bypass the caches.
  bool stream = false;
};

// Whether a y of so many bytes is stored past the caches (AmxProduct::stream): it would leave them
// before anybody reads it. A result of 77 MB so comes at 2.4 TFLOP/s instead of 1.0.
constexpr bool AmxStreams(size_t bytes, size_t row_bytes) {
  return bytes >= 6 << 20 && row_bytes % 64 == 0;
}

// Two blocks of 32 x 32 sums: one is computed while the other is finished.
constexpr size_t kAmxSumBytes = 2 * 32 * 32 * 4;

// Computes rows [first, first + rows) of y from as many packed rows of x, which are padded with
// any bytes to a multiple of 16 rows. `row_scales` are those of the rows, with integers; `sums`
// holds kAmxSumBytes.
void AmxMultiply(const AmxProduct& product, const void* x, const float* row_scales, int64_t first,
                 int64_t rows, void* sums);

// Packs rows of k bf16 as x; zeros beyond k and beyond `rows`. `to` holds AmxPackedBytes.
void AmxPackRows(const uint16_t* from, int64_t rows, int64_t k, void* to);

// Packs 16 rows of `depths` · 64 bytes as 16 columns of B: one column of tiles.
void AmxPackByteColumns(const int8_t* rows, int64_t depths, void* to);

// Depths of a row, and bytes, of a packed x.
constexpr int64_t AmxDepths(int64_t k, bool integers) {
  return integers ? (k + 63) / 64 : (k + 31) / 32;
}
constexpr size_t AmxPackedBytes(int64_t rows, int64_t k, bool integers) {
  return static_cast<size_t>((rows + 15) / 16 * AmxDepths(k, integers)) * kAmxTileBytes;
}

// The number of rows that a thread packs at a time: they leave half of the
// second-level cache to B.
constexpr int64_t AmxBlockRows(int64_t k, bool integers) {
  constexpr int64_t kBytes = 1 << 20;
  const int64_t rows = kBytes / (AmxDepths(k, integers) * 64) / 32 * 32;
  return rows < 32 ? 32 : rows > 1024 ? 1024 : rows;
}

}  // namespace backends::cpu

#endif  // BACKENDS_CPU_PRODUCT_AMX_H_
