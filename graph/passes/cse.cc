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
#include <numeric>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "graph/ir/text.h"
#include "graph/passes/passes.h"
#include "graph/passes/rewrite.h"

namespace graph {
namespace {

// Equal for equal operators only.
std::string Key(const Op& op) {
  std::string key = absl::StrCat(op.type, "(", absl::StrJoin(op.inputs, ","), ")");
  for (const auto& [name, value] : op.attrs) {
    absl::StrAppend(&key, " ", name, "=", AttrText(value));
  }
  return key;
}

bool Any(const std::vector<BlobId>& blobs, const std::vector<bool>& flags) {
  for (BlobId blob : blobs) {
    if (flags[blob]) return true;
  }
  return false;
}

absl::StatusOr<bool> Run(Net* net, const SchemaRegistry&) {
  const Uses uses(*net);
  std::vector<BlobId> stands_for(net->blobs.size());
  std::iota(stands_for.begin(), stands_for.end(), 0);
  std::vector<bool> drop(net->ops.size(), false);
  absl::flat_hash_map<std::string, OpId> seen;
  seen.reserve(net->ops.size());
  for (size_t i = 0; i < net->ops.size(); ++i) {
    Op& op = net->ops[i];
    for (BlobId& input : op.inputs) input = stands_for[input];
    if (op.recomputed) continue;  // made a second time on purpose
    if (Any(op.outputs, uses.is_changed_exit)) continue;
    const auto [entry, is_new] = seen.try_emplace(Key(op), static_cast<OpId>(i));
    if (is_new || Any(op.outputs, uses.is_root)) continue;
    const Op& earlier = net->ops[entry->second];
    if (earlier.phase > op.phase) continue;
    for (size_t k = 0; k < op.outputs.size(); ++k) stands_for[op.outputs[k]] = earlier.outputs[k];
    drop[i] = true;
  }
  return DropOps(drop, net);
}

}  // namespace

Pass CsePass() { return {"cse", Run}; }

}  // namespace graph
