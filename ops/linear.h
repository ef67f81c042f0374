// Linear: y = act(x·wᵀ + b), one operator for MatMul, BiasAdd and, where nothing
// else reads the pre-activation, Gelu. Made by the linear_fusion pass.
//
//   x  (..., K) f32 or bf16
//   w  x's dtype, (N, K...), viewed as (N, product of the rest)
//   b  f32, or bf16 where x is, N elements: its shape without leading ones is (N)
//   y  (..., N) of attribute dtype: "same" as x (default), "f32" or "bf16"
//
// All of them may be f64 instead, together. Products of bf16 are summed in f32 and rounded once,
// after the activation.
//
// Attribute activation: "none" or "gelu" (exact, as Gelu). Gradient: with "none"
// those of MatMul and BiasAdd; "gelu" has none, because the pre-activation is
// gone (fusion runs after differentiation), nor has bf16.
// Deterministic for a fixed number of threads.
#ifndef OPS_LINEAR_H_
#define OPS_LINEAR_H_

#include "graph/schema/schema.h"

namespace ops {

void RegisterLinear(graph::SchemaRegistry* registry);

}  // namespace ops

#endif  // OPS_LINEAR_H_
