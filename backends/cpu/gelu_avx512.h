// GELU in AVX-512 vectors for results that are rounded to bf16. Including files are
// compiled for that instruction set, so everything here has internal linkage and
// uses nothing from the standard library.
#ifndef BACKENDS_CPU_GELU_AVX512_H_
#define BACKENDS_CPU_GELU_AVX512_H_

#include <immintrin.h>

namespace backends::cpu {
namespace {

// x·Φ(x) to 6e-5 absolute, which is not bf16's last digit for small results (x below -2); above
// 4.5 to a unit in the last place. Φ(x) - 1/2 is an odd polynomial of degree 17 on [-4.5, 4.5],
// fitted so that the largest error of x·Φ(x) is least and Φ(4.5) is 1. Below -4.5, where x·Φ(x) is
// above -1.6e-5, the result is 0. NaN stays NaN.
inline __m512 ShortGelu(__m512 x) {
  const __m512 end = _mm512_set1_ps(4.5f);
  const __m512 minus_end = _mm512_set1_ps(-4.5f);
  const __m512 u = _mm512_min_ps(_mm512_max_ps(x, minus_end), end);
  const __m512 u2 = _mm512_mul_ps(u, u);
  __m512 p = _mm512_set1_ps(3.00000615e-11f);
  p = _mm512_fmadd_ps(p, u2, _mm512_set1_ps(-3.28391159e-09f));
  p = _mm512_fmadd_ps(p, u2, _mm512_set1_ps(1.58025685e-07f));
  p = _mm512_fmadd_ps(p, u2, _mm512_set1_ps(-4.43168392e-06f));
  p = _mm512_fmadd_ps(p, u2, _mm512_set1_ps(8.1209706e-05f));
  p = _mm512_fmadd_ps(p, u2, _mm512_set1_ps(-0.00103625329f));
  p = _mm512_fmadd_ps(p, u2, _mm512_set1_ps(0.00958065316f));
  p = _mm512_fmadd_ps(p, u2, _mm512_set1_ps(-0.0659772679f));
  p = _mm512_fmadd_ps(p, u2, _mm512_set1_ps(0.398708582f));
  const __m512 phi = _mm512_fmadd_ps(p, u, _mm512_set1_ps(0.5f));
  return _mm512_maskz_mul_ps(_mm512_cmp_ps_mask(x, minus_end, _CMP_NLT_UQ), x, phi);
}

}  // namespace
}  // namespace backends::cpu

#endif  // BACKENDS_CPU_GELU_AVX512_H_
