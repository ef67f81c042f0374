#include "graph/passes/tensor_grouping.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "graph/passes/rewrite.h"

namespace graph {
namespace {

// Bit for bit, so that 0.0 and -0.0 differ and a NaN equals itself.
bool SameValue(const AttrValue& a, const AttrValue& b) {
  const auto *x = absl::get_if<float>(&a), *y = absl::get_if<float>(&b);
  if (x == nullptr || y == nullptr) return a == b;
  return std::memcmp(x, y, sizeof(float)) == 0;
}

size_t SharedInputs(const Schema& schema) { return schema.inputs().size() - schema.inputs_each(); }

// `fn` of the list that each tensor has a number of; nothing of an attribute that holds for all.
template <typename Value, typename Function>
void VisitList(Value* value, const Function& fn) {
  if (auto* ints = absl::get_if<std::vector<int64_t>>(value)) fn(ints);
  if (auto* floats = absl::get_if<std::vector<float>>(value)) fn(floats);
}

// Whether two operators of one type differ in their tensors only.
bool Alike(const Schema& schema, const Op& a, const Op& b) {
  const auto shared = static_cast<std::ptrdiff_t>(SharedInputs(schema));
  if (!std::equal(a.inputs.begin(), a.inputs.begin() + shared, b.inputs.begin())) return false;
  for (const auto& [name, value] : a.attrs) {
    bool of_tensors = false;
    VisitList(&value, [&of_tensors](const auto*) { of_tensors = true; });
    if (!of_tensors && !SameValue(value, b.attrs.at(name))) return false;
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

// The entry of the state whose exit a blob is, by blob; kNone where it is none.
std::vector<BlobId> EntriesOfExits(const Net& net) {
  std::vector<BlobId> entries(net.blobs.size(), kNone);
  for (const State& state : net.states) {
    if (state.exit != state.entry) entries[state.exit] = state.entry;
  }
  return entries;
}

// Behind the last of the operators from `begin` on that are of its type and can run in
// any order: none reads what another one writes or overwrites.
size_t EndOfRun(const Net& net, const std::vector<BlobId>& entry_of, size_t begin) {
  absl::flat_hash_set<BlobId> read, written;
  for (size_t i = begin; i < net.ops.size(); ++i) {
    const Op& op = net.ops[i];
    if (op.type != net.ops[begin].type || op.phase != net.ops[begin].phase) return i;
    for (BlobId b : op.inputs) {
      if (written.count(b) > 0) return i;
    }
    for (BlobId b : op.outputs) {
      if (entry_of[b] != kNone && read.count(entry_of[b]) > 0) return i;
    }
    read.insert(op.inputs.begin(), op.inputs.end());
    written.insert(op.outputs.begin(), op.outputs.end());
  }
  return net.ops.size();
}

}  // namespace

absl::StatusOr<bool> TensorGroupingPass::Run(Net* net, const SchemaRegistry& registry) const {
  const std::vector<BlobId> entry_of = EntriesOfExits(*net);
  std::vector<bool> drop(net->ops.size(), false);
  bool changed = false;
  for (size_t begin = 0, end = 0; begin < net->ops.size(); begin = end) {
    const Schema* schema = registry.Find(net->ops[begin].type);
    if (schema == nullptr) {
      return InvalidArgument(net->ops[begin].Describe(), ": unknown operator type");
    }
    const bool applies = schema->inputs_each() > 0 && net->ops[begin].phase == Phase::kUpdate;
    end = applies ? EndOfRun(*net, entry_of, begin) : begin + 1;
    std::vector<size_t> groups;  // the first operator of each
    for (size_t i = begin; i < end; ++i) {
      const auto group = std::find_if(groups.begin(), groups.end(), [&](size_t first) {
        return Alike(*schema, net->ops[first], net->ops[i]);
      });
      if (group == groups.end()) {
        groups.push_back(i);
        continue;
      }
      Join(*schema, net->ops[i], &net->ops[*group]);
      drop[i] = changed = true;
    }
  }
  if (changed) FinishRewrite(drop, net);
  return changed;
}

}  // namespace graph
