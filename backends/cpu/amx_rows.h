// Matrices of bf16 as the code for AMX sees them.
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

// Rows that the next piece of work will read. A head's are pieces of 128 bytes far apart,
// which the processor does not guess, so they are asked for while the present head
// computes. `width` elements of each row; none where count is 0.
struct AmxNext {
  AmxRows<const uint16_t> parts[5];
  int64_t count, width;
};

}  // namespace backends::cpu

#endif  // BACKENDS_CPU_AMX_ROWS_H_
