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
#include <numeric>
#include <vector>

#include "graph/passes/passes.h"
#include "graph/passes/rewrite.h"

namespace graph {
namespace {

absl::StatusOr<bool> Run(Net* net, const SchemaRegistry&) {
  const Uses uses(*net);
  std::vector<BlobId> stands_for(net->blobs.size());
  std::iota(stands_for.begin(), stands_for.end(), 0);
  std::vector<bool> drop(net->ops.size(), false);
  for (size_t i = 0; i < net->ops.size(); ++i) {
    Op& op = net->ops[i];
    for (BlobId& input : op.inputs) input = stands_for[input];
    if (op.type != "StopGradient" || uses.is_root[op.outputs[0]]) continue;
    const BlobId operand = op.inputs[0];
    const std::vector<Uses::Reader>& readers = uses.readers[op.outputs[0]];
    if (!readers.empty() && readers.back().op >= uses.overwritten_at[operand]) continue;
    stands_for[op.outputs[0]] = operand;
    drop[i] = true;
  }
  return DropOps(drop, net);
}

}  // namespace

Pass StopGradientPass() { return {"stop_gradient", Run}; }

}  // namespace graph
