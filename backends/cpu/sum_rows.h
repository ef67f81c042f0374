// Sums over rows, as gradients of what is repeated over rows need them.
#ifndef BACKENDS_CPU_SUM_ROWS_H_
#define BACKENDS_CPU_SUM_ROWS_H_

#include <algorithm>
#include <cstdint>

#include "graph/base/bfloat16.h"

namespace backends::cpu {

// Rows cut into chunks by a rule that knows their number only. A kernel that sums
// within a chunk in row order, and the chunks in theirs, gives the same numbers for
// every number of threads.
struct RowChunks {
  explicit RowChunks(int64_t rows)
      : rows(rows),
        size(std::max<int64_t>(16, (rows + 63) / 64)),
        count(std::max<int64_t>(1, (rows + size - 1) / size)) {}

  int64_t begin(int64_t chunk) const { return chunk * size; }
  int64_t end(int64_t chunk) const { return std::min(rows, (chunk + 1) * size); }

  int64_t rows;
  int64_t size;   // rows of a chunk; the last may have fewer
  int64_t count;  // at least 1, which is empty where there are no rows
};

// to[c] = the sum of from[r * stride + c] over r in [0, rows), in an order that
// depends on `rows` only; c in [0, count). `to` overlaps nothing.
void SumRows(const float* from, int64_t rows, int64_t stride, int64_t count, float* to);
void SumRows(const graph::BFloat16* from, int64_t rows, int64_t stride, int64_t count, float* to);

}  // namespace backends::cpu

#endif  // BACKENDS_CPU_SUM_ROWS_H_
