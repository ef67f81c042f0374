#include "graph/passes/rewrite.h"

#include <utility>

namespace graph {

std::vector<bool> ChangedExits(const Net& net) {
  std::vector<bool> exits(net.blobs.size(), false);
  for (const State& state : net.states) {
    if (state.exit != state.entry) exits[state.exit] = true;
  }
  return exits;
}

std::vector<OpId> OverwrittenAt(const Net& net) {
  const OpId never = static_cast<OpId>(net.ops.size());
  std::vector<OpId> producer(net.blobs.size(), never);
  for (OpId op = 0; op < never; ++op) {
    for (BlobId output : net.ops[op].outputs) producer[output] = op;
  }
  std::vector<OpId> overwritten(net.blobs.size(), never);
  for (const State& state : net.states) {
    if (state.exit != state.entry) overwritten[state.entry] = producer[state.exit];
  }
  return overwritten;
}

void FinishRewrite(const std::vector<bool>& drop, Net* net) {
  std::vector<Op> kept;
  kept.reserve(net->ops.size());
  for (size_t i = 0; i < net->ops.size(); ++i) {
    if (drop[i]) continue;
    net->ops[i].in_place.clear();
    kept.push_back(std::move(net->ops[i]));
  }
  net->ops = std::move(kept);
  net->Compact();
}

}  // namespace graph
