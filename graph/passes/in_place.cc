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
#include <utility>
#include <vector>

#include "graph/passes/passes.h"

namespace graph {
namespace {

// Whether operator `op` is the last to read `blob` and reads it at one position.
bool LastAndOnlyReadBy(OpId op, const std::vector<Uses::Reader>& readers) {
  const size_t n = readers.size();
  return n > 0 && readers[n - 1].op == op && (n == 1 || readers[n - 2].op != op);
}

absl::StatusOr<bool> Run(Net* net, const SchemaRegistry& registry) {
  const Uses uses(*net);
  bool changed = false;
  for (size_t i = 0; i < net->ops.size(); ++i) {
    Op& op = net->ops[i];
    std::vector<bool> input_taken(op.inputs.size(), false);
    std::vector<bool> output_taken(op.outputs.size(), false);
    std::vector<std::pair<int, int>> pairs;
    for (const auto& [input, output] : registry.Find(op.type)->InPlacePairs(op.inputs.size())) {
      if (input_taken[input] || output_taken[output]) continue;
      const BlobId from = op.inputs[input];
      const BlobId to = op.outputs[output];
      if (!uses.in_arena[from] || !uses.in_arena[to] || uses.is_root[from]) continue;
      if (net->type(from).bytes() != net->type(to).bytes()) continue;
      if (!LastAndOnlyReadBy(static_cast<OpId>(i), uses.readers[from])) continue;
      input_taken[input] = output_taken[output] = true;
      pairs.emplace_back(input, output);
    }
    if (pairs != op.in_place) {
      op.in_place = std::move(pairs);
      changed = true;
    }
  }
  return changed;
}

}  // namespace

Pass InPlacePass() { return {"in_place", Run}; }

}  // namespace graph
