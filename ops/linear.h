// Linear: y = act(x·wᵀ + b), one operator for MatMul, BiasAdd and, where nothing
// else reads the pre-activation, Gelu. Made by the linear_fusion pass.
//
//   x  (..., K) float
//   w  (N, K...), viewed as (N, product of the rest)
//   b  N elements: its shape without leading ones is (N)
//   y  (..., N)
//
// Attribute activation: "none" or "gelu" (exact, as Gelu). Gradient: with "none"
// those of MatMul and BiasAdd; "gelu" has none, because the pre-activation is
// gone (fusion runs after differentiation). Deterministic for a fixed number of
// threads.
#ifndef OPS_LINEAR_H_
#define OPS_LINEAR_H_

#include "graph/schema/schema.h"

namespace ops {

void RegisterLinear(graph::SchemaRegistry* registry);

}  // namespace ops

#endif  // OPS_LINEAR_H_
