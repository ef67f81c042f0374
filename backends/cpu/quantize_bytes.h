// Symmetric quantization to 8 bits in vectors.
#ifndef BACKENDS_CPU_QUANTIZE_BYTES_H_
#define BACKENDS_CPU_QUANTIZE_BYTES_H_

#include <cstdint>

#include "backends/cpu/ops/quantized_linear.h"
#include "graph/base/bfloat16.h"

namespace backends::cpu {

// Of n values; T is float or BFloat16.
template <typename T>
ops::cpu::QuantizationScale ScaleOf(const T* x, int64_t n);

// Values 64i to 64i + 63, times scale.inverse and rounded, to q + i · step; zeros
// where the scale is 0.
template <typename T>
void QuantizeBytes(const T* x, int64_t n, const ops::cpu::QuantizationScale& scale, int8_t* q,
                   int64_t step = 64);

}  // namespace backends::cpu

#endif  // BACKENDS_CPU_QUANTIZE_BYTES_H_
