#include "graph/passes/rewrite.h"

#include <iterator>
#include <utility>

#include "absl/container/flat_hash_set.h"

namespace graph {

BlobId AddNewBlob(const std::string& name, const TensorType& type, Net* net) {
  const auto is_taken = [net](const std::string& n) { return net->Find(n) != kNone; };
  return net->AddBlob(UniqueName(name, is_taken), type);
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
    std::move(before[i].begin(), before[i].end(), std::back_inserter(ops));
    ops.push_back(std::move(net->ops[i]));
    if (!after.empty()) std::move(after[i].begin(), after[i].end(), std::back_inserter(ops));
  }
  net->ops = std::move(ops);
}

void FinishRewrite(Net* net) {
  absl::flat_hash_set<std::string> names;
  for (const Op& op : net->ops) names.insert(op.name);
  absl::flat_hash_set<std::string> seen;
  for (Op& op : net->ops) {
    op.in_place.clear();
    if (seen.insert(op.name).second) continue;
    op.name = UniqueName(op.name, [&](const std::string& name) { return names.contains(name); });
    names.insert(op.name);
    seen.insert(op.name);
  }
  net->Compact();
}

bool DropOps(const std::vector<bool>& drop, Net* net) {
  std::vector<Op> kept;
  kept.reserve(net->ops.size());
  for (size_t i = 0; i < net->ops.size(); ++i) {
    if (!drop[i]) kept.push_back(std::move(net->ops[i]));
  }
  const bool dropped = kept.size() < net->ops.size();
  net->ops = std::move(kept);
  if (dropped) FinishRewrite(net);
  return dropped;
}

}  // namespace graph
