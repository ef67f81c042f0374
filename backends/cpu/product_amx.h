// y = x·B with what follows it, in bf16 or 8-bit integers on AMX tiles, on one thread.
// Call these only where HasAmx() (gemm.h), within an AmxSession.
//
// Factors lie in tiles of 1 KiB, 16 rows of 64 bytes, so that a tile is one stream of
// lines from the second-level cache, where a block of x stays while B streams past it.
// A depth is the 32 bf16 or 64 integers that one tile product sums over; sums are f32
// or s32. All of a row's depths are summed before anything is stored, so y depends
// neither on the blocks nor on the threads.
//
//   x   tile (i, d) at (i · depths + d) KiB: rows 16i to 16i + 15, depth d
//   B   tile (j, d) at (j · depths + d) KiB: columns 16j to 16j + 15; its rows hold 2
//       (bf16) or 4 (integers) neighbouring k of each column. oneDNN calls the
//       bf16 layout BA16a16b2a. Zeros where k or n end within a tile; the tile behind the last
//       one of an odd number is read.
#ifndef BACKENDS_CPU_PRODUCT_AMX_H_
#define BACKENDS_CPU_PRODUCT_AMX_H_

#include <cstddef>
#include <cstdint>

namespace backends::cpu {

constexpr int64_t kAmxTileBytes = 1024;

// B, and what becomes of the sums. Nothing is owned; y, b, x and sums are aligned to 64 bytes.
struct AmxProduct {
  int64_t k = 0, n = 0;
  const void* b = nullptr;
  bool integers = false;  // s8 factors, else bf16

  // y = act(sum · row_scale · scales[column] + bias[column]) · times[row, column]
  const float* scales = nullptr;    // (n), with integers only
  const float* bias = nullptr;      // (n) or null
  bool gelu = false;                // bf16 results only; within 6e-5 before they are rounded
  const uint16_t* times = nullptr;  // (rows, n) bf16 or null; not with gelu or integers

  void* y = nullptr;  // (rows, n) bf16 or f32
  bool f32 = false;
  // y is so large that it would only push other things from the caches: whole lines
  // go past them.
  bool stream = false;
};

// Two blocks of 32 x 32 sums: one that is made and one that is finished.
constexpr size_t kAmxSumBytes = 2 * 32 * 32 * 4;

// Rows [first, first + rows) of y from as many packed rows of x, and any bytes up to a
// multiple of 16 rows behind them. `row_scales` are those of the rows, with integers; `sums`
// holds kAmxSumBytes.
void AmxMultiply(const AmxProduct& product, const void* x, const float* row_scales, int64_t first,
                 int64_t rows, void* sums);

// Rows of k bf16 as a packed x; zeros behind k and behind `rows`. `to` holds AmxPackedBytes.
void AmxPackRows(const uint16_t* from, int64_t rows, int64_t k, void* to);

// The same for 16 rows of `depths` · 64 bytes, which become columns: one column of tiles of B.
void AmxPackByteColumns(const int8_t* rows, int64_t depths, void* to);

// Tiles, and bytes, of a packed x.
constexpr int64_t AmxDepths(int64_t k, bool integers) {
  return integers ? (k + 63) / 64 : (k + 31) / 32;
}
constexpr size_t AmxPackedBytes(int64_t rows, int64_t k, bool integers) {
  return static_cast<size_t>((rows + 15) / 16 * AmxDepths(k, integers)) * kAmxTileBytes;
}

// The rows that a thread packs at a time: they leave half of the second-level cache
// to B.
constexpr int64_t AmxBlockRows(int64_t k, bool integers) {
  constexpr int64_t kBytes = 1 << 20;
  const int64_t rows = kBytes / (AmxDepths(k, integers) * 64) / 32 * 32;
  return rows < 32 ? 32 : rows > 1024 ? 1024 : rows;
}

}  // namespace backends::cpu

#endif  // BACKENDS_CPU_PRODUCT_AMX_H_
