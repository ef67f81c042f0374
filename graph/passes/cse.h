// Common-subexpression elimination: computes equal things once.
//
//   before                          after
//   a f32[8] = Gelu(x) @first       a f32[8] = Gelu(x) @first
//   b f32[8] = Gelu(x) @second      y f32[8] = Add(a, a)
//   y f32[8] = Add(a, b)
//
// Two operators are equal when type, attributes and inputs are, after the inputs
// have been replaced by what they turned out to be equal to; all outputs of the
// later one are then replaced by those of the earlier. Blobs are values, so two
// readers of a state's entry read the same thing. Operators are pure functions:
// random ones take their key as an input or an attribute.
//
// Does not apply to the later operator where one of its outputs is an output of
// the net (asked for by name), nor to either where one of its outputs is a
// state's value at exit (each state has an operator that writes it).
//
// When it hurts: the earlier result lives until the last reader of the later.
#ifndef GRAPH_PASSES_CSE_H_
#define GRAPH_PASSES_CSE_H_

#include "graph/passes/pass.h"

namespace graph {

class CsePass : public Pass {
 public:
  absl::string_view name() const override { return "cse"; }
  absl::StatusOr<bool> Run(Net* net, const SchemaRegistry& registry) const override;
};

}  // namespace graph

#endif  // GRAPH_PASSES_CSE_H_
