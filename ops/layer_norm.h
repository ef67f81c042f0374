// LayerNorm: y = (x - mean) / sqrt(variance + eps) · gamma + beta, per row.
//
//   x            (..., C) f32 or bf16
//   gamma, beta  (C) f32
//   y            (..., C) of attribute dtype: "same" as x (default), "f32" or "bf16"
//   mean, variance  f32, leading dimensions of x ({1} for rank 1); variance is biased
//
// Saved for the gradient: x, mean, variance. No gradient goes through the outputs
// mean and variance.
//
// LayerNormGrad: the gradient of y. With n = (x - mean)·r, r = 1/sqrt(variance +
// eps), g = dy·gamma and averages over a row:
//   dx = r·(g - avg(g) - n·avg(g·n)) + skip,  dgamma = Σ_rows dy·n,  dbeta = Σ_rows dy
//
//   x, dy                  (..., C), each f32 or bf16
//   gamma, mean, variance  f32
//   skip                   optional, (..., C) f32: a gradient that reaches x beside
//                          the norm; it is added to dx
//   dx (..., C), dgamma (C), dbeta (C)  f32
//
// Or all f64. In place: dx over skip, or over dy if dy's elements are as large. Sums
// over rows are taken in fixed chunks and combined in index order. Attribute eps
// (float). Source: Ba et al., arXiv:1607.06450; torch.nn.LayerNorm.
#ifndef OPS_LAYER_NORM_H_
#define OPS_LAYER_NORM_H_

#include "graph/schema/schema.h"

namespace ops {

void RegisterLayerNorm(graph::SchemaRegistry* registry);

}  // namespace ops

#endif  // OPS_LAYER_NORM_H_
