// Drops operators that nothing needs.
//
//   before                          after
//   y f32[8] = Gelu(x)              y f32[8] = Gelu(x)
//   z f32[8] = Add(y, x)            output y
//   w f32[8] = Gelu(z)
//   output y
//
// An operator stays when one of its outputs is a root (an output of the net, a
// state's value at exit) or is read by an operator that stays. One sweep from
// the last operator to the first. Inputs and states of the net stay even when
// nothing reads them: they are its interface.
//
// Applies to any net.
#ifndef GRAPH_PASSES_DEAD_OP_H_
#define GRAPH_PASSES_DEAD_OP_H_

#include "graph/passes/pass.h"

namespace graph {

class DeadOpPass : public Pass {
 public:
  absl::string_view name() const override { return "dead_op"; }
  absl::StatusOr<bool> Run(Net* net, const SchemaRegistry& registry) const override;
};

}  // namespace graph

#endif  // GRAPH_PASSES_DEAD_OP_H_
