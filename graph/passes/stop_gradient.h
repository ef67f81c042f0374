// Removes the boundaries of differentiation.
//
//   before                          after
//   p f32[8] = Op(x)                p f32[8] = Op(x)
//   q f32[8] = StopGradient(p)      y f32[8] = Gelu(p)
//   y f32[8] = Gelu(q)
//
// StopGradient says something to autodiff only; once the backward operators
// exist it is a copy.
//
// Precondition: gradients have been taken. On a net that is still to be
// differentiated the pass would open the boundary.
//
// Does not apply where the result is an output of the net or a state's value at
// exit (someone asks for it by name), nor where the operand is a state's value
// at entry and a reader of the copy comes after the state is overwritten.
#ifndef GRAPH_PASSES_STOP_GRADIENT_H_
#define GRAPH_PASSES_STOP_GRADIENT_H_

#include "graph/passes/pass.h"

namespace graph {

class StopGradientPass : public Pass {
 public:
  absl::string_view name() const override { return "stop_gradient"; }
  absl::StatusOr<bool> Run(Net* net, const SchemaRegistry& registry) const override;
};

}  // namespace graph

#endif  // GRAPH_PASSES_STOP_GRADIENT_H_
