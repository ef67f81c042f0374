// What f32 attention (attention_float.cc) does between its products, on blocks of rows of scores:
// in AVX-512 vectors. Only where the processor has them.
#ifndef BACKENDS_CPU_ATTENTION_ROWS_H_
#define BACKENDS_CPU_ATTENTION_ROWS_H_

#include <cstdint>

namespace backends::cpu {

// Dense columns, rows `stride` apart.
struct ScoreBlock {
  float* data;
  int64_t rows, cols, stride;
};

// As ExpRows() and GradientRows() of attention_float.cc.
void ExpRowsAvx512(ScoreBlock scores, float scale, float* lse, float* inverse);
void GradientRowsAvx512(ScoreBlock scores, float scale, const float* lse, const float* delta,
                        float* dp);

}  // namespace backends::cpu

#endif  // BACKENDS_CPU_ATTENTION_ROWS_H_
