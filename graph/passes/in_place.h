// Lets results lie where operands lay that nothing reads any more.
//
//   before                              after
//   h f32[8,64] = Op(x)                 h f32[8,64] = Op(x)
//   y f32[8,64] = Gelu(h) @act          y f32[8,64] = Gelu(h) in_place=[0:0] @act
//
// Annotates each operator with (input, output) pairs; the memory plan gives the
// two blobs one address. A pair is taken when the schema allows it, the operator
// is the input's last reader and reads it once, and both have the same size. The
// pairs of a schema are tried in its order; an input serves one output and an
// output lies over one input. A result that lies over its operand may itself be
// overwritten by its last reader, so whole chains share one piece of memory.
//
// Does not apply to inputs, outputs and states of the net as operands (their
// memory is not the plan's, or someone reads it after the run), nor to a
// state's value at exit as result: that lies where the value at entry lies
// without being told so.
//
// Comes last: any later rewrite would invalidate the annotations. Annotations
// that the net already has are replaced.
#ifndef GRAPH_PASSES_IN_PLACE_H_
#define GRAPH_PASSES_IN_PLACE_H_

#include "graph/passes/pass.h"

namespace graph {

class InPlacePass : public Pass {
 public:
  absl::string_view name() const override { return "in_place"; }
  absl::StatusOr<bool> Run(Net* net, const SchemaRegistry& registry) const override;
};

}  // namespace graph

#endif  // GRAPH_PASSES_IN_PLACE_H_
