#include "graph/passes/in_place.h"

#include <utility>
#include <vector>

namespace graph {
namespace {

// Whether operator `op` is the last to read `blob` and reads it at one position.
bool LastAndOnlyReadBy(OpId op, const std::vector<Uses::Reader>& readers) {
  const size_t n = readers.size();
  return n > 0 && readers[n - 1].op == op && (n == 1 || readers[n - 2].op != op);
}

}  // namespace

absl::StatusOr<bool> InPlacePass::Run(Net* net, const SchemaRegistry& registry) const {
  const Uses uses(*net);
  std::vector<bool> in_arena(net->blobs.size(), true);
  for (BlobId input : net->inputs) in_arena[input] = false;
  for (const State& state : net->states) in_arena[state.entry] = in_arena[state.exit] = false;

  bool changed = false;
  for (size_t i = 0; i < net->ops.size(); ++i) {
    Op& op = net->ops[i];
    const Schema* schema = registry.Find(op.type);
    if (schema == nullptr) return InvalidArgument(op.Describe(), ": unknown operator type");
    std::vector<bool> input_taken(op.inputs.size(), false);
    std::vector<bool> output_taken(op.outputs.size(), false);
    std::vector<std::pair<int, int>> pairs;
    for (const auto& [input, output] : schema->InPlacePairs(op.inputs.size())) {
      if (input_taken[input] || output_taken[output]) continue;
      const BlobId from = op.inputs[input];
      const BlobId to = op.outputs[output];
      if (!in_arena[from] || !in_arena[to] || uses.is_root[from]) continue;
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

}  // namespace graph
