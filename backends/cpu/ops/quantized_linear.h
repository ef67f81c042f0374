// QuantizedLinear: y = act(x·wᵀ + b) with the product in 8-bit integers, for
// forward passes that nothing is differentiated through. Made by the quantize pass.
//
// QuantizeWeights: w (N, K...) float, viewed as (N, product of the rest), once a run
//   packed (K rounded up to 64, plus 16, N rounded up to 64) i8: q[n] =
//          round(w[n] / scales[n]), in the order that the backend likes to read; the
//          sixteen rows are room for what a backend keeps beside the weights
//   scales (N), w's dtype: max|w[n]| / 127
//
// QuantizedLinear:
//   x      (B, T, K) float; each image has a scale of its own, s[b] = max|x[b]| / 127,
//          so that an image's result does not depend on the rest of its batch
//   packed, scales  of QuantizeWeights
//   b      (N) f32 (f64 where x is)
//   y      (B, T, N) of attribute dtype ("same" as x, f32, bf16)
//          y = act(s[b]·scales[n] · Σ_k round(x[b,t,k]/s[b])·q[n,k] + b[n])
//
// Symmetric on both sides (LayerNorm's output has both signs), rounding to nearest,
// ties to even, and worked out in f32 whatever the storage type: x times 127/max.
// An image or row that is all zeros has scale 0; one with a value that is not
// finite has scale NaN, and so has all that comes of it.
//
// K is at least 1. Attribute activation: "none" or "gelu". No gradient. The sums are integers, so
// exact: deterministic for any number of threads.
// Source: per-channel weights and dynamic activations as in Krishnamoorthi,
// arXiv:1806.08342, section 3.
#ifndef BACKENDS_CPU_OPS_QUANTIZED_LINEAR_H_
#define BACKENDS_CPU_OPS_QUANTIZED_LINEAR_H_

#include <cstdint>

#include "graph/schema/schema.h"

namespace ops::cpu {

// The scale of values of which `max` is the largest magnitude, and what a value is
// multiplied with before it is rounded. All backends compute them so.
struct QuantizationScale {
  explicit QuantizationScale(float max);
  float scale;
  float inverse;
};

void RegisterQuantizedLinear(graph::SchemaRegistry* registry);

}  // namespace ops::cpu

#endif  // BACKENDS_CPU_OPS_QUANTIZED_LINEAR_H_
