// Computes the derivative of Gelu beside Gelu, and multiplies it into the product
// that makes the incoming gradient, so that the backward pass has no Gelu of its own.
//
//   before                                   after
//   y f32[8,64] = Gelu(x) @act               y f32[8,64], d f32[8,64] =
//                                                GeluWithDerivative(x) @act
//   dy f32[8,64] = MatMul(dz, w)             dx f32[8,64] = MatMul(dz, w, d)
//   dx f32[8,64] = GeluGrad(x, dy)
//
// The product keeps its place and its name and takes `d` as its input `times`.
// Nothing reads x any more where only the two read it: d is kept instead.
//
// Preconditions: gradients have been taken; GeluGrad is the only reader of dy, which
// is a plain MatMul's (nothing packed, nothing multiplied in yet) and not a root; the
// Gelu stands before the product.
//
// Does not apply where dx is a state's value at exit: it would be written earlier.
//
// When it hurts: where something else keeps x, there is one tensor more to keep.
#ifndef GRAPH_PASSES_GELU_DERIVATIVE_H_
#define GRAPH_PASSES_GELU_DERIVATIVE_H_

#include "graph/passes/pass.h"

namespace graph {

class GeluDerivativePass : public Pass {
 public:
  absl::string_view name() const override { return "gelu_derivative"; }
  absl::StatusOr<bool> Run(Net* net, const SchemaRegistry& registry) const override;
};

}  // namespace graph

#endif  // GRAPH_PASSES_GELU_DERIVATIVE_H_
