#include "graph/passes/rewrite.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"

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

BlobId AddNewBlob(const std::string& name, const TensorType& type, Net* net) {
  std::string free_name = name;
  for (int n = 2; net->Find(free_name) != kNone; ++n) free_name = absl::StrCat(name, "~", n);
  return net->AddBlob(std::move(free_name), type);
}

Op NewOp(const std::string& type, const std::string& name, const Op& like) {
  Op op;
  op.type = type;
  op.name = name;
  op.phase = like.phase;
  op.part = like.part;
  op.recomputed = like.recomputed;
  return op;
}

void InsertOps(std::vector<std::vector<Op>> before, std::vector<std::vector<Op>> after, Net* net) {
  std::vector<Op> ops;
  for (size_t i = 0; i < net->ops.size(); ++i) {
    if (!before.empty()) std::move(before[i].begin(), before[i].end(), std::back_inserter(ops));
    ops.push_back(std::move(net->ops[i]));
    if (!after.empty()) std::move(after[i].begin(), after[i].end(), std::back_inserter(ops));
  }
  net->ops = std::move(ops);
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
  absl::flat_hash_set<std::string> names;
  for (const Op& op : net->ops) names.insert(op.name);
  absl::flat_hash_set<std::string> seen;
  for (Op& op : net->ops) {
    if (seen.insert(op.name).second) continue;
    const std::string name = op.name;
    for (int n = 2; !names.insert(op.name).second; ++n) op.name = absl::StrCat(name, "~", n);
    seen.insert(op.name);
  }
  net->Compact();
}

}  // namespace graph
