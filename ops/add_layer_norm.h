// AddLayerNorm: sum = a + b; y, mean, variance = LayerNorm(sum, gamma, beta): a
// residual connection and the norm that follows, in one pass over memory. Made by
// the residual_norm_fusion pass.
//
//   a, b         (..., C) f32 or bf16, each its own
//   gamma, beta  (C) f32
//   sum          (..., C) f32
//   y            (..., C) of attribute dtype: "same" as a (default), "f32" or "bf16"
//   mean, variance  f32, leading dimensions of a ({1} for rank 1); variance is biased
//
// All of them may be f64 instead, together. In place: sum over a or b, where that
// is f32. Saved for the gradient: sum, mean, variance.
// Gradient: LayerNormGrad at sum, plus the gradient of sum itself; the same for
// a and b. Deterministic.
#ifndef OPS_ADD_LAYER_NORM_H_
#define OPS_ADD_LAYER_NORM_H_

#include "graph/schema/schema.h"

namespace ops {

void RegisterAddLayerNorm(graph::SchemaRegistry* registry);

}  // namespace ops

#endif  // OPS_ADD_LAYER_NORM_H_
