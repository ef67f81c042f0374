// GeluWithDerivative: y = x·Φ(x) and d = Φ(x) + x·φ(x), Φ the normal distribution
// function and φ its density: Gelu and what GeluGrad multiplies by, from one
// reading of x. Made by the gelu_derivative pass, so that the backward pass is one
// product with d.
//
//   x     (...) f32, bf16 or f64
//   y, d  as x
//
// In place: y or d over x. Elementwise, so deterministic. No gradient: the pass runs
// on nets that have theirs. Source: ops/gelu.h.
#ifndef BACKENDS_CPU_OPS_GELU_WITH_DERIVATIVE_H_
#define BACKENDS_CPU_OPS_GELU_WITH_DERIVATIVE_H_

#include "graph/schema/schema.h"

namespace ops::cpu {

void RegisterGeluWithDerivative(graph::SchemaRegistry* registry);

}  // namespace ops::cpu

#endif  // BACKENDS_CPU_OPS_GELU_WITH_DERIVATIVE_H_
