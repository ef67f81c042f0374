// How AMX code sees bf16 matrices.
#ifndef BACKENDS_CPU_AMX_ROWS_H_
#define BACKENDS_CPU_AMX_ROWS_H_

#include <cstdint>

namespace backends::cpu {

// bf16 matrices as bits: `rows` rows, `stride` elements apart.
template <typename T>
struct AmxRows {
  T* data;
  int64_t rows;
  int64_t stride;
};

// Rows that the next piece of work will read, to be prefetched now: the rows of a head are
// pieces of 128 bytes far apart, which the processor's own prefetcher does not predict.
// `width` elements of each row of the first `count` parts.
struct AmxNext {
  AmxRows<const uint16_t> parts[5];
  int64_t count, width;
};

}  // namespace backends::cpu

#endif  // BACKENDS_CPU_AMX_ROWS_H_
