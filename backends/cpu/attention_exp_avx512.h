// exp in vectors of AVX-512. Each file that includes it is compiled for that
// instruction set, so everything here has internal linkage and nothing of the
// standard library is used.
#ifndef BACKENDS_CPU_ATTENTION_EXP_AVX512_H_
#define BACKENDS_CPU_ATTENTION_EXP_AVX512_H_

#include <immintrin.h>

namespace backends::cpu {
namespace {

// 2^(n + f) for whole n and |f| <= 1/2: the polynomial of degree five with the
// least relative error, 7.5e-8, found by Remez' algorithm.
inline __m512 Exp2Of(__m512 n, __m512 f) {
  __m512 p = _mm512_set1_ps(1.327647217e-03f);
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(9.675541331e-03f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(5.550713273e-02f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(2.402211972e-01f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(6.931469671e-01f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(1.000000072e+00f));
  return _mm512_scalef_ps(p, n);
}

inline __m512 Round(__m512 x) {
  return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

// 2^x; NaN stays NaN, and -infinity becomes 0.
[[maybe_unused]] inline __m512 Exp2(__m512 x) {
  x = _mm512_max_ps(_mm512_set1_ps(-160.0f), x);  // the second of a NaN and a number
  const __m512 n = Round(x);
  return Exp2Of(n, _mm512_sub_ps(x, n));
}

// e^x to about two units in the last place; NaN stays NaN, and -infinity becomes 0.
[[maybe_unused]] inline __m512 Exp(__m512 x) {
  const __m512 high = _mm512_set1_ps(1.44269502f), low = _mm512_set1_ps(1.92596299e-8f);
  x = _mm512_max_ps(_mm512_set1_ps(-110.0f), x);
  const __m512 n = Round(_mm512_mul_ps(x, high));
  // x / log(2) - n with one rounding in effect: the product is not rounded.
  return Exp2Of(n, _mm512_fmadd_ps(x, low, _mm512_fmsub_ps(x, high, n)));
}

}  // namespace
}  // namespace backends::cpu

#endif  // BACKENDS_CPU_ATTENTION_EXP_AVX512_H_
