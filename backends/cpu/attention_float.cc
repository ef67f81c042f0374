// Scores are computed a block of rows at a time, small enough to stay in the
// first-level cache between the two products that write and read them. Factors
// that all blocks share are packed once.
#include "backends/cpu/attention_float.h"

#include <cmath>
#include <eigen3/Eigen/Core>

#include "backends/cpu/simd.h"

namespace backends::cpu {
namespace {

using Row = Eigen::Map<Eigen::ArrayXf>;
using ConstRow = Eigen::Map<const Eigen::ArrayXf>;

constexpr int64_t kBlock = 30;  // rows at most

// In each row i of unscaled scores s becomes exp(scale·(s - max)); inverse[i]
// becomes 1 / the row's sum, and lse[i] the log-sum-exp of the scaled scores.
void ExpRows(MutableMatrix scores, float scale, float* lse, float* inverse) {
  if (UseAvx512()) return ExpRowsAvx512(scores, scale, lse, inverse);
  for (int64_t i = 0; i < scores.rows; ++i) {
    Row row(scores.data + i * scores.row_stride, scores.cols);
    const float max = row.maxCoeff();
    row = ((row - max) * scale).exp();
    const float sum = row.sum();
    inverse[i] = 1.0f / sum;
    lse[i] = max * scale + std::log(sum);
  }
}

// Column j is a query: s becomes p = exp(scale·s - lse[j]), and dp, of the same
// shape and stride, becomes p·(dp - delta[j])·scale.
void GradientRows(MutableMatrix scores, float scale, const float* lse, const float* delta,
                  float* dp) {
  if (UseAvx512()) return GradientRowsAvx512(scores, scale, lse, delta, dp);
  const ConstRow lses(lse, scores.cols), deltas(delta, scores.cols);
  for (int64_t i = 0; i < scores.rows; ++i) {
    Row row(scores.data + i * scores.row_stride, scores.cols);
    Row gradient(dp + i * scores.row_stride, scores.cols);
    row = (row * scale - lses).exp();
    gradient = row * ((gradient - deltas) * scale);
  }
}

// Whole cache lines of floats.
int64_t Lines(int64_t floats) { return (floats + 15) / 16 * 16; }

// Calls `fn(begin, count)` for blocks of nearly equal heights, because low ones are slow.
template <typename Function>
void ForEachBlock(int64_t rows, const Function& fn) {
  const int64_t blocks = (rows + kBlock - 1) / kBlock;
  for (int64_t b = 0; b < blocks; ++b) {
    const int64_t begin = rows * b / blocks;
    fn(begin, rows * (b + 1) / blocks - begin);
  }
}

}  // namespace

size_t FloatForwardFloats(int64_t tokens, int64_t head_width) {
  return PackedFloats(head_width, tokens) + PackedFloats(tokens, head_width) +
         kBlock * Lines(tokens);
}

void FloatForward(const FloatHead& head, MutableMatrix y, float* lse, float* scratch) {
  const int64_t tokens = head.k.rows, stride = Lines(tokens);
  float* keys = scratch;
  float* values = keys + PackedFloats(head.k.cols, tokens);
  float* scores = values + PackedFloats(tokens, head.v.cols);
  Pack(head.k.Transposed(), keys);
  Pack(head.v, values);
  ForEachBlock(head.q.rows, [&](int64_t begin, int64_t count) {
    const MutableMatrix s = {scores, count, tokens, stride};
    float inverse[kBlock];
    MultiplyPacked(head.q.Rows(begin, count), keys, s);
    ExpRows(s, head.scale, lse + begin, inverse);
    const MutableMatrix rows = y.Rows(begin, count);
    MultiplyPacked(Const(s), values, rows);
    for (int64_t i = 0; i < count; ++i) {
      Row(rows.data + i * rows.row_stride, rows.cols) *= inverse[i];
    }
  });
}

size_t FloatBackwardFloats(int64_t tokens, int64_t head_width) {
  return 2 * PackedFloats(head_width, tokens) + 3 * PackedFloats(tokens, head_width) +
         Lines(tokens) + (kBlock + tokens) * Lines(tokens);
}

// Works on blocks of keys, that is rows of sᵀ and dpᵀ: dv and dk are then products of
// rows in memory order, and only dq needs all of dsᵀ, read by columns.
void FloatBackward(const FloatHead& head, ConstMatrix y, const float* lse, ConstMatrix dy,
                   const FloatGradients& out, float* scratch) {
  const int64_t tokens = head.k.rows, width = head.k.cols, stride = Lines(tokens);
  const auto take = [&scratch](size_t floats) {
    float* const at = scratch;
    scratch += floats;
    return at;
  };
  float* const q_columns = take(PackedFloats(width, tokens));
  float* const dy_columns = take(PackedFloats(width, tokens));
  float* const q_rows = take(PackedFloats(tokens, width));
  float* const dy_rows = take(PackedFloats(tokens, width));
  float* const k_rows = take(PackedFloats(tokens, width));
  float* const delta = take(Lines(tokens));
  float* const scores = take(kBlock * stride);
  float* const ds = take(tokens * stride);
  Pack(head.q.Transposed(), q_columns);
  Pack(dy.Transposed(), dy_columns);
  Pack(head.q, q_rows);
  Pack(dy, dy_rows);
  Pack(head.k, k_rows);
  for (int64_t i = 0; i < tokens; ++i) {
    delta[i] =
        (ConstRow(y.data + i * y.row_stride, width) * ConstRow(dy.data + i * dy.row_stride, width))
            .sum();
  }
  ForEachBlock(tokens, [&](int64_t begin, int64_t count) {
    const MutableMatrix p = {scores, count, tokens, stride};
    const MutableMatrix dp = {ds + begin * stride, count, tokens, stride};
    MultiplyPacked(head.k.Rows(begin, count), q_columns, p);
    MultiplyPacked(head.v.Rows(begin, count), dy_columns, dp);
    GradientRows(p, head.scale, lse, delta, dp.data);
    MultiplyPacked(Const(p), dy_rows, out.dv.Rows(begin, count));
    MultiplyPacked(Const(dp), q_rows, out.dk.Rows(begin, count));
  });
  const ConstMatrix all = {ds, tokens, tokens, stride};
  MultiplyPacked(all.Transposed(), k_rows, out.dq);
}

}  // namespace backends::cpu
