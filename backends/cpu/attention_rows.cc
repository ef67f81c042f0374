#include "backends/cpu/attention_rows.h"

#include <cmath>
#include <eigen3/Eigen/Core>

#include "backends/cpu/gemm.h"
#include "backends/cpu/simd.h"

namespace backends::cpu {
namespace {

using Row = Eigen::Map<Eigen::ArrayXf>;
using ConstRow = Eigen::Map<const Eigen::ArrayXf>;

}  // namespace

void ExpRows(ScoreBlock scores, float scale, float* lse, float* inverse) {
  if (UseAvx512()) return ExpRowsAvx512(scores, scale, lse, inverse);
  for (int64_t i = 0; i < scores.rows; ++i) {
    Row row(scores.data + i * scores.stride, scores.cols);
    const float max = row.maxCoeff();
    row = ((row - max) * scale).exp();
    const float sum = row.sum();
    inverse[i] = 1.0f / sum;
    lse[i] = max * scale + std::log(sum);
  }
}

void GradientRows(ScoreBlock scores, float scale, const float* lse, const float* delta, float* dp) {
  if (UseAvx512()) return GradientRowsAvx512(scores, scale, lse, delta, dp);
  const ConstRow lses(lse, scores.cols), deltas(delta, scores.cols);
  for (int64_t i = 0; i < scores.rows; ++i) {
    Row row(scores.data + i * scores.stride, scores.cols);
    Row gradient(dp + i * scores.stride, scores.cols);
    row = (row * scale - lses).exp();
    gradient = row * ((gradient - deltas) * scale);
  }
}

}  // namespace backends::cpu
