// One row of LayerNorm, for LayerNorm and AddLayerNorm. Include it after
// simd-inl.h; like that file it is compiled once for each target.
#ifndef BACKENDS_CPU_LAYER_NORM_INL_H_
#define BACKENDS_CPU_LAYER_NORM_INL_H_

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace backends::cpu {

// What is the same for all rows.
struct NormParameters {
  const float* gamma;
  const float* beta;
  float eps;
  int64_t cols;
};

}  // namespace backends::cpu

#endif  // BACKENDS_CPU_LAYER_NORM_INL_H_

#if defined(BACKENDS_CPU_LAYER_NORM_INL_TARGET_) == defined(HWY_TARGET_TOGGLE)
#ifdef BACKENDS_CPU_LAYER_NORM_INL_TARGET_
#undef BACKENDS_CPU_LAYER_NORM_INL_TARGET_
#else
#define BACKENDS_CPU_LAYER_NORM_INL_TARGET_
#endif

HWY_BEFORE_NAMESPACE();
namespace backends::cpu::HWY_NAMESPACE {

// The rest of LayerNorm for a row x whose elements add up to `sum`; x is already in the
// first-level cache. The variance is that of x - mean. Rounding leaves this difference a
// small mean of its own, which is subtracted, too, so a large mean costs no digits.
template <typename X, typename Y>
HWY_INLINE void NormalizeRow(const NormParameters& p, const X* x, float sum, Y* y, float* mean,
                             float* variance) {
  const float scale = 1.0f / static_cast<float>(p.cols);
  const float rough = sum * scale;
  const F32 center = Set(rough);
  F32 sums = Zero(), squares = Zero();
  ForEachVector(p.cols, [&](int64_t i, auto memory) {
    const F32 v = memory.Keep(hn::Sub(memory.Load(x + i), center));
    sums = hn::Add(sums, v);
    squares = hn::MulAdd(v, v, squares);
  });
  const float rest = SumOfLanes(sums) * scale;
  *mean = rough + rest;
  *variance = std::max(SumOfLanes(squares) * scale - rest * rest, 0.0f);
  const float inverse = 1.0f / std::sqrt(*variance + p.eps);
  const F32 factor = Set(inverse), shift = Set(-rest * inverse);
  ForEachVector(p.cols, [&](int64_t i, auto memory) {
    const F32 v = hn::MulAdd(hn::Sub(memory.Load(x + i), center), factor, shift);
    memory.Store(hn::MulAdd(v, memory.Load(p.gamma + i), memory.Load(p.beta + i)), y + i);
  });
}

}  // namespace backends::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // BACKENDS_CPU_LAYER_NORM_INL_TARGET_
