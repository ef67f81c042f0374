// AddLayerNorm: sum = a + b; y, mean, variance = LayerNorm(sum, gamma, beta): a
// residual connection and the norm after it, in one pass over memory. With scales
// sum[i] = a[i] + scales[index, i] * b[i] for image i: drop path (ScaleImages). Made by
// the residual_norm_fusion pass.
//
//   a, b         (..., C), each f32 or bf16
//   gamma, beta  (C) f32
//   scales       (N, B) f32, or (B), which is one row; optional; a is then (B, ..., C)
//   sum          (..., C) f32
//   y            (..., C) of attribute dtype: "same" as a (default), "f32" or "bf16"
//   mean, variance  f32, leading dimensions of a ({1} for rank 1); variance is biased
//
// Attribute index in [0, N), default 0; only with scales. Or all f64. In place: sum over a
// or b, if that input is f32. Saved for the gradient: sum, mean, variance. Gradient of both
// a and b: LayerNormGrad at sum plus the gradient of sum itself, and ScaleImages of this for
// a scaled b; asking for the gradient of scales is an error. Deterministic.
#ifndef OPS_ADD_LAYER_NORM_H_
#define OPS_ADD_LAYER_NORM_H_

#include "graph/schema/schema.h"

namespace ops {

void RegisterAddLayerNorm(graph::SchemaRegistry* registry);

}  // namespace ops

#endif  // OPS_ADD_LAYER_NORM_H_
