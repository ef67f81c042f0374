// Sums over rows, for gradients of values that are repeated over rows.
#ifndef BACKENDS_CPU_SUM_ROWS_H_
#define BACKENDS_CPU_SUM_ROWS_H_

#include <algorithm>
#include <cstdint>

#include "graph/base/bfloat16.h"

namespace backends::cpu {

// Cuts rows into chunks by their number only. A kernel that sums each chunk in row
// order, and then the chunks in order, gives the same numbers for every number of
// threads.
struct RowChunks {
  explicit RowChunks(int64_t rows)
      : rows(rows),
        size(std::max<int64_t>(16, (rows + 63) / 64)),
        count(std::max<int64_t>(1, (rows + size - 1) / size)) {}

  int64_t begin(int64_t chunk) const { return chunk * size; }
  int64_t end(int64_t chunk) const { return std::min(rows, (chunk + 1) * size); }

  int64_t rows;
  int64_t size;   // rows of a chunk; the last may have fewer
  int64_t count;  // at least 1; without rows the one chunk is empty
};

// to[c] = the sum of from[r * stride + c] over r in [0, rows), in an order that
// depends on `rows` only; c in [0, count). `to` overlaps nothing.
void SumRows(const float* from, int64_t rows, int64_t stride, int64_t count, float* to);
void SumRows(const graph::BFloat16* from, int64_t rows, int64_t stride, int64_t count, float* to);

}  // namespace backends::cpu

#endif  // BACKENDS_CPU_SUM_ROWS_H_
