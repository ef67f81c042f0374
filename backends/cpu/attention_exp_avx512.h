// exp and log in AVX-512 vectors. Including files are compiled for that instruction
// set, so everything here has internal linkage and uses nothing from the standard
// library.
#ifndef BACKENDS_CPU_ATTENTION_EXP_AVX512_H_
#define BACKENDS_CPU_ATTENTION_EXP_AVX512_H_

#include <immintrin.h>

namespace backends::cpu {
namespace {

// 2^(floor(n) + f) for 0 <= f <= 1: the polynomial of degree five with the least
// relative error, 7.5e-8, found by Remez' algorithm.
inline __m512 Exp2Of(__m512 n, __m512 f) {
  __m512 p = _mm512_set1_ps(1.877576700e-03f);
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(8.989340024e-03f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(5.582631812e-02f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(2.401536170e-01f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(6.931530732e-01f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(9.999999251e-01f));
  return _mm512_scalef_ps(p, n);
}

// 2^x; NaN stays NaN, and -infinity becomes 0.
[[maybe_unused]] inline __m512 Exp2(__m512 x) {
  // x - floor(x), and 0 for an infinity.
  return Exp2Of(x, _mm512_reduce_ps(x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC));
}

// e^x to about two units in the last place; NaN stays NaN, and -infinity becomes 0.
[[maybe_unused]] inline __m512 Exp(__m512 x) {
  const __m512 high = _mm512_set1_ps(1.44269502f), low = _mm512_set1_ps(1.92596299e-8f);
  x = _mm512_max_ps(_mm512_set1_ps(-110.0f), x);  // returns its second operand if one is NaN
  const __m512 n = _mm512_floor_ps(_mm512_mul_ps(x, high));
  // x / log(2) - n, in effect rounded once: the product is not rounded.
  return Exp2Of(n, _mm512_fmadd_ps(x, low, _mm512_fmsub_ps(x, high, n)));
}

// The natural logarithm of positive normal numbers, with an error of about 1e-7 times
// the larger of the result's magnitude and 1; NaN stays NaN.
[[maybe_unused]] inline __m512 Log(__m512 x) {
  const __m512 one = _mm512_set1_ps(1.0f);
  const __m512 m = _mm512_getmant_ps(x, _MM_MANT_NORM_1_2, _MM_MANT_SIGN_nan);
  // log(m) = 2·atanh(s) with s up to 1/3; the next term would be below 1e-8.
  const __m512 s = _mm512_div_ps(_mm512_sub_ps(m, one), _mm512_add_ps(m, one));
  const __m512 s2 = _mm512_mul_ps(s, s);
  __m512 p = _mm512_set1_ps(2.0f / 13);
  p = _mm512_fmadd_ps(p, s2, _mm512_set1_ps(2.0f / 11));
  p = _mm512_fmadd_ps(p, s2, _mm512_set1_ps(2.0f / 9));
  p = _mm512_fmadd_ps(p, s2, _mm512_set1_ps(2.0f / 7));
  p = _mm512_fmadd_ps(p, s2, _mm512_set1_ps(2.0f / 5));
  p = _mm512_fmadd_ps(p, s2, _mm512_set1_ps(2.0f / 3));
  p = _mm512_fmadd_ps(p, s2, _mm512_set1_ps(2.0f));
  return _mm512_fmadd_ps(_mm512_getexp_ps(x), _mm512_set1_ps(0.693147181f), _mm512_mul_ps(p, s));
}

}  // namespace
}  // namespace backends::cpu

#endif  // BACKENDS_CPU_ATTENTION_EXP_AVX512_H_
