// What f32 attention does between its products, on blocks of rows of scores.
// Vectors are AVX-512 if the processor has it, else AVX2.
#ifndef BACKENDS_CPU_ATTENTION_ROWS_H_
#define BACKENDS_CPU_ATTENTION_ROWS_H_

#include <cstdint>

namespace backends::cpu {

// Dense columns, rows `stride` apart.
struct ScoreBlock {
  float* data;
  int64_t rows, cols, stride;
};

// In each row i of unscaled scores s becomes exp(scale·(s - max)); inverse[i]
// becomes 1 / the row's sum, and lse[i] the log-sum-exp of the scaled scores.
void ExpRows(ScoreBlock scores, float scale, float* lse, float* inverse);

// Column j is a query: s becomes p = exp(scale·s - lse[j]), and dp, of the same
// shape and stride, becomes p·(dp - delta[j])·scale.
void GradientRows(ScoreBlock scores, float scale, const float* lse, const float* delta, float* dp);

// The same in AVX-512 vectors; only where the processor has AVX-512.
void ExpRowsAvx512(ScoreBlock scores, float scale, float* lse, float* inverse);
void GradientRowsAvx512(ScoreBlock scores, float scale, const float* lse, const float* delta,
                        float* dp);

}  // namespace backends::cpu

#endif  // BACKENDS_CPU_ATTENTION_ROWS_H_
