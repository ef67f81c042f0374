#include "graph/runtime/memory_plan.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "graph/runtime/packing.h"

namespace graph {
namespace {

// Allocations in order of the operators that first use them, without offsets.
void MakeAllocations(const Net& net, absl::Span<const size_t> scratch_bytes, MemoryPlan* plan) {
  const OpId end = static_cast<OpId>(net.ops.size());
  const Uses uses(net);
  plan->allocation_of_blob.assign(net.blobs.size(), kNone);
  plan->scratch_of_op.assign(net.ops.size(), kNone);
  const auto add = [plan](OpId op, size_t bytes) {
    plan->allocations.push_back({{}, op, op, bytes, 0});
    return static_cast<int>(plan->allocations.size()) - 1;
  };
  for (OpId i = 0; i < end; ++i) {
    const Op& op = net.ops[i];
    std::vector<int> shared(op.outputs.size(), kNone);
    for (const auto& [input, output] : op.in_place) {
      shared[output] = plan->allocation_of_blob[op.inputs[input]];
      CHECK(shared[output] != kNone);
    }
    for (size_t k = 0; k < op.outputs.size(); ++k) {
      const BlobId blob = op.outputs[k];
      if (!uses.in_arena[blob]) continue;
      const size_t bytes = net.type(blob).bytes();
      const int index = shared[k] != kNone ? shared[k] : add(i, bytes);
      plan->allocation_of_blob[blob] = index;
      Allocation& allocation = plan->allocations[index];
      CHECK(allocation.bytes == bytes);
      allocation.blobs.push_back(blob);
      // An operator writes an output even if nothing reads it.
      OpId last = i;
      if (!uses.readers[blob].empty()) last = uses.readers[blob].back().op;
      if (uses.is_root[blob]) last = end;
      allocation.last = std::max(allocation.last, last);
    }
    if (scratch_bytes[i] > 0) plan->scratch_of_op[i] = add(i, scratch_bytes[i]);
  }
}

// The allocations as pieces for packing.h; their times are operators.
std::vector<Piece> PiecesOf(const MemoryPlan& plan) {
  std::vector<Piece> pieces;
  pieces.reserve(plan.allocations.size());
  for (const Allocation& a : plan.allocations) {
    pieces.push_back({a.first, a.last, AlignUp(a.bytes, plan.alignment), a.offset});
  }
  return pieces;
}

}  // namespace

MemoryPlan PlanMemory(const Net& net, absl::Span<const size_t> scratch_bytes, size_t alignment) {
  CHECK(scratch_bytes.size() == net.ops.size());
  MemoryPlan plan;
  plan.alignment = alignment;
  MakeAllocations(net, scratch_bytes, &plan);
  std::vector<Piece> pieces = PiecesOf(plan);
  plan.lower_bound_bytes = PackingBound(pieces);
  plan.arena_bytes = Pack(&pieces);
  for (size_t i = 0; i < pieces.size(); ++i) plan.allocations[i].offset = pieces[i].offset;
  return plan;
}

std::string ExplainPlan(const Net& net, const MemoryPlan& plan) {
  std::vector<size_t> alive = AliveBytes(PiecesOf(plan));
  alive.resize(net.ops.size() + 1, 0);
  const OpId peak = static_cast<OpId>(std::max_element(alive.begin(), alive.end()) - alive.begin());
  const bool at_end = peak == static_cast<OpId>(net.ops.size());
  std::vector<const Allocation*> rows;
  for (const Allocation& a : plan.allocations) {
    if (a.first <= peak && peak <= a.last) rows.push_back(&a);
  }
  std::stable_sort(rows.begin(), rows.end(),
                   [](const Allocation* a, const Allocation* b) { return a->bytes > b->bytes; });

  std::string text = absl::StrFormat(
      "arena %d bytes in %d allocations; at least %d are needed\n"
      "peak of %d bytes %s\n"
      "%14s %14s %13s  %s\n",
      plan.arena_bytes, plan.allocations.size(), plan.lower_bound_bytes, alive[peak],
      at_end ? std::string("after the last operator")
             : absl::StrFormat("at operator %d, %s", peak, net.ops[peak].Describe()),
      "bytes", "offset", "operators", "what");
  for (const Allocation* a : rows) {
    std::string what;
    if (a->blobs.empty()) {
      what = absl::StrCat("scratch of ", net.ops[a->first].Describe());
    } else {
      what = net.blob(a->blobs[0]).name;
      if (a->blobs.size() > 1) absl::StrAppend(&what, " and ", a->blobs.size() - 1, " over it");
    }
    absl::StrAppendFormat(
        &text, "%14d %14d %6d-%-6s  %s\n", a->bytes, a->offset, a->first,
        a->last == static_cast<OpId>(net.ops.size()) ? std::string("end") : absl::StrCat(a->last),
        what);
  }
  return text;
}

}  // namespace graph
