// GELU for kernels that apply it to their results.
#ifndef BACKENDS_CPU_GELU_H_
#define BACKENDS_CPU_GELU_H_

#include <cstdint>

namespace backends::cpu {

// y[i] = y[i]·Φ(y[i]) for i in [0, n), to a few units in the last place, on the calling thread.
void GeluInPlace(float* y, int64_t n);

}  // namespace backends::cpu

#endif  // BACKENDS_CPU_GELU_H_
