#include "tests/graph/memory_plan/plan_testing.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "graph/runtime/workspace.h"

namespace graph {

TensorType Floats(int64_t elements) { return {DType::kF32, {elements}}; }

std::vector<BlobId> AddOp(Net* net, const std::string& name, std::vector<BlobId> inputs,
                          const std::vector<TensorType>& outputs,
                          std::vector<std::pair<int, int>> in_place) {
  Op op;
  op.type = "Any";
  op.name = name;
  op.inputs = std::move(inputs);
  op.in_place = std::move(in_place);
  for (size_t k = 0; k < outputs.size(); ++k) {
    op.outputs.push_back(net->AddBlob(absl::StrCat(name, ":", k), outputs[k]));
  }
  net->ops.push_back(op);
  return op.outputs;
}

BlobId AddInput(Net* net, const std::string& name, int64_t elements) {
  net->inputs.push_back(net->AddBlob(name, Floats(elements)));
  return net->inputs.back();
}

std::vector<size_t> NoScratch(const Net& net) { return std::vector<size_t>(net.ops.size(), 0); }

namespace {

// Plays the net on an arena of 64-byte cells that remember who wrote them.
class Player {
 public:
  Player(const Net& net, const MemoryPlan& plan)
      : net_(net), plan_(plan), cells_(plan.arena_bytes / kAlignment, kNone) {}

  void Play() {
    ASSERT_EQ(plan_.arena_bytes % kAlignment, 0u);
    for (const Allocation& a : plan_.allocations) {
      ASSERT_EQ(a.offset % kAlignment, 0u);
      ASSERT_LE(a.offset + AlignUp(a.bytes), plan_.arena_bytes);
    }
    for (OpId i = 0; i < static_cast<OpId>(net_.ops.size()); ++i) {
      const Op& op = net_.ops[i];
      for (BlobId input : op.inputs) ExpectIntact(input, op);
      // While the operator runs, each cell belongs to one input, output or the
      // scratch; only an annotated output may take its input's cells.
      std::vector<int> busy(cells_.size(), kNone);
      for (size_t k = 0; k < op.inputs.size(); ++k) {
        if (!IsOverwritten(op, static_cast<int>(k))) Take(op.inputs[k], op.inputs[k], &busy);
      }
      for (BlobId output : op.outputs) Take(output, output, &busy);
      if (const int scratch = plan_.scratch_of_op[i]; scratch != kNone) {
        TakeAllocation(plan_.allocations[scratch], kScratch, &busy);
      }
    }
    for (BlobId output : net_.outputs) ExpectIntact(output, net_.ops.back());
  }

 private:
  static constexpr int kScratch = 1 << 30;

  static bool IsOverwritten(const Op& op, int input) {
    for (const auto& pair : op.in_place) {
      if (pair.first == input) return true;
    }
    return false;
  }
  void ExpectIntact(BlobId blob, const Op& reader) {
    const int index = plan_.allocation_of_blob[blob];
    if (index == kNone) return;
    const Allocation& a = plan_.allocations[index];
    for (size_t at = a.offset; at < a.offset + a.bytes; at += kAlignment) {
      ASSERT_EQ(cells_[at / kAlignment], blob)
          << net_.blob(blob).name << " is damaged when " << reader.name << " reads it";
    }
  }
  void Take(BlobId blob, int owner, std::vector<int>* busy) {
    const int index = plan_.allocation_of_blob[blob];
    if (index != kNone) TakeAllocation(plan_.allocations[index], owner, busy);
  }
  void TakeAllocation(const Allocation& a, int owner, std::vector<int>* busy) {
    for (size_t at = a.offset; at < a.offset + a.bytes; at += kAlignment) {
      int& user = (*busy)[at / kAlignment];
      ASSERT_TRUE(user == kNone || user == owner) << "cell at " << at << " is used twice at once";
      user = owner;
      cells_[at / kAlignment] = owner;
    }
  }

  const Net& net_;
  const MemoryPlan& plan_;
  std::vector<int> cells_;
};

}  // namespace

void CheckPlan(const Net& net, const MemoryPlan& plan) {
  Player(net, plan).Play();
  EXPECT_GE(plan.arena_bytes, plan.lower_bound_bytes);
  for (size_t i = 0; i < plan.allocations.size(); ++i) {
    const Allocation& a = plan.allocations[i];
    for (size_t j = 0; j < i; ++j) {
      const Allocation& b = plan.allocations[j];
      if (a.last < b.first || b.last < a.first) continue;
      ASSERT_TRUE(a.offset + a.bytes <= b.offset || b.offset + b.bytes <= a.offset)
          << "allocations " << i << " and " << j << " overlap";
    }
  }
}

}  // namespace graph
