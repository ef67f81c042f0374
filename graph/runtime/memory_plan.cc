#include "graph/runtime/memory_plan.h"

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>
#include <utility>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "graph/runtime/workspace.h"

namespace graph {
namespace {

// By blob: whether it lies in the arena (the rest belongs to the workspace).
std::vector<bool> InArena(const Net& net) {
  std::vector<bool> in_arena(net.blobs.size(), true);
  for (BlobId input : net.inputs) in_arena[input] = false;
  for (const State& state : net.states) in_arena[state.entry] = in_arena[state.exit] = false;
  return in_arena;
}

// Allocations in order of the operators that first use them, without offsets.
void MakeAllocations(const Net& net, absl::Span<const size_t> scratch_bytes, MemoryPlan* plan) {
  const OpId end = static_cast<OpId>(net.ops.size());
  const Uses uses(net);
  const std::vector<bool> in_arena = InArena(net);
  plan->allocation_of_blob.assign(net.blobs.size(), kNone);
  plan->scratch_of_op.assign(net.ops.size(), kNone);
  const auto add = [plan](OpId op, size_t bytes) {
    Allocation allocation;
    allocation.first = allocation.last = op;
    allocation.bytes = bytes;
    plan->allocations.push_back(std::move(allocation));
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
      if (!in_arena[blob]) continue;
      const size_t bytes = net.type(blob).bytes();
      const int index = shared[k] != kNone ? shared[k] : add(i, bytes);
      plan->allocation_of_blob[blob] = index;
      Allocation& allocation = plan->allocations[index];
      CHECK(allocation.bytes == bytes);
      allocation.blobs.push_back(blob);
      // What nobody reads is still written by its operator.
      OpId last = i;
      if (!uses.readers[blob].empty()) last = uses.readers[blob].back().op;
      if (uses.is_root[blob]) last = end;
      allocation.last = std::max(allocation.last, last);
    }
    if (scratch_bytes[i] > 0) plan->scratch_of_op[i] = add(i, scratch_bytes[i]);
  }
}

// Bytes alive at each operator, and after the last one.
std::vector<size_t> AliveBytes(size_t num_ops, const std::vector<Allocation>& allocations) {
  std::vector<size_t> alive(num_ops + 2, 0);
  for (const Allocation& a : allocations) {
    alive[a.first] += AlignUp(a.bytes);
    alive[a.last + 1] -= AlignUp(a.bytes);  // wraps around; the sums below do not
  }
  std::partial_sum(alive.begin(), alive.end(), alive.begin());
  alive.pop_back();
  return alive;
}

// What is placed, in order of offsets; small, as the search runs over all of it.
struct Placed {
  size_t offset;
  size_t end;
  OpId first;
  OpId last;
};

// The tightest gap that holds `bytes` among what is alive at the same time,
// or the end of it all.
size_t BestFit(const std::vector<Placed>& placed, const Allocation& a, size_t bytes) {
  size_t best = 0;
  size_t best_gap = std::numeric_limits<size_t>::max();
  size_t top = 0;  // end of what is alive and lies below
  for (const Placed& p : placed) {
    if (p.last < a.first || a.last < p.first) continue;
    if (p.offset > top) {
      const size_t gap = p.offset - top;
      if (gap >= bytes && gap < best_gap) {
        best = top;
        best_gap = gap;
      }
    }
    top = std::max(top, p.end);
  }
  return best_gap == std::numeric_limits<size_t>::max() ? top : best;
}

// Places the allocations in the given order; returns the size of the arena.
size_t Place(const std::vector<int>& order, std::vector<Allocation>* allocations) {
  std::vector<Placed> placed;
  placed.reserve(order.size());
  size_t arena = 0;
  for (int index : order) {
    Allocation& a = (*allocations)[index];
    const size_t bytes = AlignUp(a.bytes);
    a.offset = 0;
    if (bytes == 0) continue;
    a.offset = BestFit(placed, a, bytes);
    const Placed p = {a.offset, a.offset + bytes, a.first, a.last};
    const auto at =
        std::upper_bound(placed.begin(), placed.end(), p,
                         [](const Placed& x, const Placed& y) { return x.offset < y.offset; });
    placed.insert(at, p);
    arena = std::max(arena, p.end);
  }
  return arena;
}

// The allocations in the order of `keys`, smallest first, ties as in the net.
std::vector<int> OrderOf(const std::vector<std::array<int64_t, 3>>& keys) {
  std::vector<int> order(keys.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&keys](int i, int j) { return keys[i] < keys[j]; });
  return order;
}

// Whether a plan is within a hundredth of the least that any needs.
bool IsTight(const MemoryPlan& plan) {
  return plan.arena_bytes <= plan.lower_bound_bytes + plan.lower_bound_bytes / 100;
}

// Places everything in `order` and then again and again, each time letting what
// reached the top of the arena choose earlier, as it found no better place where it
// stood. Leaves the best of these plans, and the one that was there, in `plan`.
void Improve(std::vector<int> order, int tries, MemoryPlan* plan) {
  std::vector<Allocation> tried = plan->allocations;
  for (int i = 0; i < tries; ++i) {
    const size_t arena = Place(order, &tried);
    if (arena < plan->arena_bytes) {
      plan->arena_bytes = arena;
      plan->allocations = tried;
      if (IsTight(*plan)) return;
    }
    const auto at_top = [&](int index) {
      return tried[index].offset + AlignUp(tried[index].bytes) == arena;
    };
    // By turns a little, half way and all the way to the front: either can be too much.
    for (size_t k = 0; k < order.size(); ++k) {
      if (!at_top(order[k])) continue;
      const size_t to = i % 3 == 0 ? k - k / 8 : i % 3 == 1 ? k / 2 : 0;
      std::rotate(order.begin() + to, order.begin() + k, order.begin() + k + 1);
    }
  }
}

// By allocation: how early the busiest operator of its lifetime comes when
// operators are listed by the bytes alive at them, most first.
std::vector<int64_t> PeakRanks(const std::vector<size_t>& alive,
                               const std::vector<Allocation>& allocations) {
  std::vector<int> by_breadth(alive.size());
  std::iota(by_breadth.begin(), by_breadth.end(), 0);
  std::stable_sort(by_breadth.begin(), by_breadth.end(),
                   [&alive](int i, int j) { return alive[i] > alive[j]; });
  std::vector<int64_t> rank(alive.size());
  for (size_t i = 0; i < by_breadth.size(); ++i) rank[by_breadth[i]] = static_cast<int64_t>(i);
  std::vector<int64_t> ranks;
  ranks.reserve(allocations.size());
  for (const Allocation& a : allocations) {
    ranks.push_back(*std::min_element(rank.begin() + a.first, rank.begin() + a.last + 1));
  }
  return ranks;
}

}  // namespace

MemoryPlan PlanMemory(const Net& net, absl::Span<const size_t> scratch_bytes) {
  CHECK(scratch_bytes.size() == net.ops.size());
  MemoryPlan plan;
  MakeAllocations(net, scratch_bytes, &plan);
  const std::vector<size_t> alive = AliveBytes(net.ops.size(), plan.allocations);
  plan.lower_bound_bytes = *std::max_element(alive.begin(), alive.end());

  // No order is best for every net. What is alive at the peak first leaves no
  // gap where it counts; the largest first lets small ones fill what is left.
  const std::vector<int64_t> ranks = PeakRanks(alive, plan.allocations);
  std::vector<std::array<int64_t, 3>> orders[3];
  for (size_t i = 0; i < plan.allocations.size(); ++i) {
    const Allocation& a = plan.allocations[i];
    const int64_t bytes = static_cast<int64_t>(a.bytes);
    const int64_t length = a.last - a.first;
    orders[0].push_back({-bytes, -length, 0});
    orders[1].push_back({ranks[i], -length, -bytes});
    orders[2].push_back({ranks[i], -bytes, -length});
  }
  plan.arena_bytes = std::numeric_limits<size_t>::max();
  for (const auto& keys : orders) {
    if (!IsTight(plan)) Improve(OrderOf(keys), 1, &plan);
  }
  constexpr int kTries = 150;
  for (const auto& keys : orders) {
    if (!IsTight(plan)) Improve(OrderOf(keys), kTries, &plan);
  }
  return plan;
}

std::string ExplainPlan(const Net& net, const MemoryPlan& plan) {
  const std::vector<size_t> alive = AliveBytes(net.ops.size(), plan.allocations);
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
