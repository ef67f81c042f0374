// The part of gemm.cc that is compiled for AVX-512, too.
#ifndef BACKENDS_CPU_GEMM_ISA_H_
#define BACKENDS_CPU_GEMM_ISA_H_

#include <cstdint>

namespace backends::cpu {

// c (rows, cols) = a (rows, depth) · a packed panel: `depth` dense rows of floats, each as wide as
// `cols` rounded up to whole vectors. Columns beyond `cols` are computed but not stored.
struct PanelProduct {
  int64_t rows, cols, depth;
  const float* a;  // a(i, k) is a[i * a_row_stride + k * a_depth_stride]
  int64_t a_row_stride, a_depth_stride;
  const float* panel;
  float* c;
  int64_t c_stride;  // between rows; columns are dense
};

// Vectors of 16 floats; `vectors` is the panel's width, 1 to 4; only where the processor has
// AVX-512.
void MultiplyPanelAvx512(const PanelProduct& p, int vectors);

}  // namespace backends::cpu

#endif  // BACKENDS_CPU_GEMM_ISA_H_
