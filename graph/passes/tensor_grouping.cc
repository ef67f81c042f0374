// Makes one operator of several that do the same, each to its tensor.
//
//   before                                        after
//   m f32[1] = GradNorm(g) @grad_norm/fc.weight   m f32[1], n f32[1] = GradNorm(g, h)
//   n f32[1] = GradNorm(h) @grad_norm/fc.bias         @grad_norm/2_tensors
//
// A net for training has some hundred GradNorm and AdamW, most of them for biases and
// norms of a few KiB, and a backend starts and ends a team of threads for each. As one
// operator it starts one team, which parts all bytes evenly.
//
// The tensors are not moved next to each other: a pass over a list of aligned tensors is as
// fast as one over a single segment, and parameters keep addresses and huge pages of their
// own, checkpoints need not know of segments, and the memory plan stays free.
//
// Applies to neighbours in the net: operators of the update phase and of one type whose
// schema says ForEachTensor, with no other type between them, that read the same inputs before
// their tensors' and have the same attributes, lists apart, which are joined: AdamW has its rates
// and decays in lists, so that all its updates make one group. None may read what another one of
// these neighbours writes, nor a state that another one overwrites. A group belongs to the whole
// model and stands where the first of the neighbours stood; as nothing but such operators lies
// between, no tensor lives longer than to the last of them. Values do not change.
//
// Comes after all passes that look at operators one by one.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "graph/ir/text.h"
#include "graph/passes/passes.h"
#include "graph/passes/rewrite.h"

namespace graph {
namespace {

size_t SharedInputs(const Schema& schema) { return schema.inputs.size() - schema.inputs_each; }

// `fn` of the list that each tensor has a number of; nothing of an attribute that holds for all.
template <typename Value, typename Function>
void VisitList(Value* value, const Function& fn) {
  if (auto* ints = absl::get_if<std::vector<int64_t>>(value)) fn(ints);
  if (auto* floats = absl::get_if<std::vector<float>>(value)) fn(floats);
}

// Whether two operators of one type differ in their tensors only.
bool CanJoin(const Schema& schema, const Op& a, const Op& b) {
  const auto shared = static_cast<std::ptrdiff_t>(SharedInputs(schema));
  if (!std::equal(a.inputs.begin(), a.inputs.begin() + shared, b.inputs.begin())) return false;
  for (const auto& [name, value] : a.attrs) {
    bool of_tensors = false;
    VisitList(&value, [&of_tensors](const auto*) { of_tensors = true; });
    if (!of_tensors && AttrText(value) != AttrText(b.attrs.at(name))) return false;
  }
  return true;
}

// Adds the tensors of `op`, which is alike, to `group`.
void Join(const Schema& schema, const Op& op, Op* group) {
  group->inputs.insert(group->inputs.end(), op.inputs.begin() + SharedInputs(schema),
                       op.inputs.end());
  group->outputs.insert(group->outputs.end(), op.outputs.begin(), op.outputs.end());
  for (auto& [name, value] : group->attrs) {
    VisitList(&value, [&](auto* list) {
      const auto& more = absl::get<std::decay_t<decltype(*list)>>(op.attrs.at(name));
      list->insert(list->end(), more.begin(), more.end());
    });
  }
  const size_t scope = group->name.rfind('/') + 1;  // 0 where there is none
  group->name = absl::StrCat(group->name.substr(0, scope), schema.NumTensors(group->inputs.size()),
                             "_tensors");
  group->part.clear();
}

// Behind the last of the operators from `begin` on that are of its type and can run in
// any order: none reads what another one writes or overwrites.
size_t EndOfRun(const Net& net, const Uses& uses, size_t begin) {
  absl::flat_hash_set<BlobId> written;
  size_t end = net.ops.size();  // or the first that overwrites what one of them reads
  for (size_t i = begin; i < end; ++i) {
    const Op& op = net.ops[i];
    if (op.type != net.ops[begin].type || op.phase != net.ops[begin].phase) return i;
    for (BlobId b : op.inputs) {
      if (written.count(b) > 0) return i;
      const size_t overwritten_at = static_cast<size_t>(uses.overwritten_at[b]);
      if (overwritten_at > i) end = std::min(end, overwritten_at);
    }
    written.insert(op.outputs.begin(), op.outputs.end());
  }
  return end;
}

absl::StatusOr<bool> Run(Net* net, const SchemaRegistry& registry) {
  const Uses uses(*net);
  std::vector<bool> drop(net->ops.size(), false);
  for (size_t begin = 0, end = 0; begin < net->ops.size(); begin = end) {
    const Schema* schema = registry.Find(net->ops[begin].type);
    const bool applies = schema->inputs_each > 0 && net->ops[begin].phase == Phase::kUpdate;
    end = applies ? EndOfRun(*net, uses, begin) : begin + 1;
    std::vector<size_t> groups;  // the first operator of each
    for (size_t i = begin; i < end; ++i) {
      const auto group = std::find_if(groups.begin(), groups.end(), [&](size_t first) {
        return CanJoin(*schema, net->ops[first], net->ops[i]);
      });
      if (group == groups.end()) {
        groups.push_back(i);
        continue;
      }
      Join(*schema, net->ops[i], &net->ops[*group]);
      drop[i] = true;
    }
  }
  return DropOps(drop, net);
}

}  // namespace

Pass TensorGroupingPass() { return {"tensor_grouping", Run}; }

}  // namespace graph
