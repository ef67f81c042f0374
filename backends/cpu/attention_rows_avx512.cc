// The build is for AVX2, this file for AVX-512; attention_float.cc calls it only where
// the processor has that. So nothing from the standard library may be used.
#include <immintrin.h>

#include "backends/cpu/attention_float.h"

// After the header, whose inline functions are built for AVX2 everywhere.
#pragma GCC target("avx512f,avx512vl,avx512dq,avx512bw,prefer-vector-width=512")
// GCC's own headers, where a vector may hold anything.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"

#include "backends/cpu/attention_exp_avx512.h"

namespace backends::cpu {
namespace {

constexpr int64_t kLanes = 16;

// The lanes of the vector that starts at column `begin` of `cols`.
__mmask16 LanesAt(int64_t begin, int64_t cols) {
  return cols - begin >= kLanes ? 0xffff : static_cast<__mmask16>((1u << (cols - begin)) - 1);
}

}  // namespace

// At most sixteen rows at a time: first the largest of each row, then the rest, so that
// no row waits for its maximum.
void ExpRowsAvx512(MutableMatrix scores, float scale, float* lse, float* inverse) {
  const __m512 lowest = _mm512_set1_ps(-__builtin_inff());
  const __m512 factor = _mm512_set1_ps(scale);
  for (int64_t begin = 0; begin < scores.rows; begin += kLanes) {
    const __mmask16 rows = LanesAt(begin, scores.rows);
    const int64_t count = scores.rows - begin < kLanes ? scores.rows - begin : kLanes;
    float* const first = scores.data + begin * scores.row_stride;
    alignas(64) float tops[kLanes] = {}, sums[kLanes] = {};
    for (int64_t i = 0; i < count; ++i) {
      const float* row = first + i * scores.row_stride;
      __m512 max = lowest;
      for (int64_t j = 0; j < scores.cols; j += kLanes) {
        max = _mm512_max_ps(max, _mm512_mask_loadu_ps(lowest, LanesAt(j, scores.cols), row + j));
      }
      tops[i] = _mm512_reduce_max_ps(max) * scale;
    }
    for (int64_t i = 0; i < count; ++i) {
      float* row = first + i * scores.row_stride;
      const __m512 top = _mm512_set1_ps(tops[i]);
      __m512 sum = _mm512_setzero_ps();
      for (int64_t j = 0; j < scores.cols; j += kLanes) {
        const __mmask16 lanes = LanesAt(j, scores.cols);
        const __m512 s = _mm512_maskz_loadu_ps(lanes, row + j);
        const __m512 p = Exp(_mm512_fmsub_ps(s, factor, top));
        _mm512_mask_storeu_ps(row + j, lanes, p);
        sum = _mm512_mask_add_ps(sum, lanes, sum, p);
      }
      sums[i] = _mm512_reduce_add_ps(sum);
    }
    const __m512 sum = _mm512_load_ps(sums);
    _mm512_mask_storeu_ps(inverse + begin, rows, _mm512_div_ps(_mm512_set1_ps(1.0f), sum));
    _mm512_mask_storeu_ps(lse + begin, rows, _mm512_add_ps(_mm512_load_ps(tops), Log(sum)));
  }
}

void GradientRowsAvx512(MutableMatrix scores, float scale, const float* lse, const float* delta,
                        float* dp) {
  const __m512 factor = _mm512_set1_ps(scale);
  for (int64_t i = 0; i < scores.rows; ++i) {
    float* row = scores.data + i * scores.row_stride;
    float* gradient = dp + i * scores.row_stride;
    for (int64_t j = 0; j < scores.cols; j += kLanes) {
      const __mmask16 lanes = LanesAt(j, scores.cols);
      const __m512 s = _mm512_maskz_loadu_ps(lanes, row + j);
      const __m512 p = Exp(_mm512_fmsub_ps(s, factor, _mm512_maskz_loadu_ps(lanes, lse + j)));
      const __m512 d = _mm512_sub_ps(_mm512_maskz_loadu_ps(lanes, gradient + j),
                                     _mm512_maskz_loadu_ps(lanes, delta + j));
      _mm512_mask_storeu_ps(row + j, lanes, p);
      _mm512_mask_storeu_ps(gradient + j, lanes, _mm512_mul_ps(p, _mm512_mul_ps(d, factor)));
    }
  }
}

}  // namespace backends::cpu
