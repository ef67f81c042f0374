#include "graph/runtime/memory_plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "graph/base/random.h"
#include "tests/graph/memory_plan/plan_testing.h"

namespace graph {
namespace {

TEST(MemoryPlanTest, EmptyNetNeedsNothing) {
  Net net;
  const MemoryPlan plan = PlanMemory(net, {});
  EXPECT_EQ(plan.arena_bytes, 0u);
  EXPECT_EQ(plan.lower_bound_bytes, 0u);
  EXPECT_TRUE(plan.allocations.empty());
}

TEST(MemoryPlanTest, InputsAndStatesAreNotInTheArena) {
  Net net;
  const BlobId x = AddInput(&net, "x", 16);
  const BlobId w = net.AddBlob("w", Floats(16));
  const BlobId w_out = AddOp(&net, "update", {w, x}, {Floats(16)})[0];
  const BlobId m = net.AddBlob("m", Floats(16));
  net.states = {{w, w_out}, {m, m}};
  net.outputs = {w_out};
  const MemoryPlan plan = PlanMemory(net, NoScratch(net));
  for (BlobId blob : {x, w, w_out, m}) EXPECT_EQ(plan.allocation_of_blob[blob], kNone);
  EXPECT_EQ(plan.arena_bytes, 0u);
}

TEST(MemoryPlanTest, MemoryIsUsedAgainAfterTheLastReader) {
  Net net;
  const BlobId x = AddInput(&net, "x", 16);
  const BlobId a = AddOp(&net, "a", {x}, {Floats(16)})[0];
  const BlobId b = AddOp(&net, "b", {a}, {Floats(16)})[0];
  const BlobId c = AddOp(&net, "c", {b}, {Floats(16)})[0];
  net.outputs = {c};
  const MemoryPlan plan = PlanMemory(net, NoScratch(net));
  CheckPlan(net, plan);
  EXPECT_EQ(plan.arena_bytes, 128u);
  const auto offset = [&](BlobId blob) {
    return plan.allocations[plan.allocation_of_blob[blob]].offset;
  };
  EXPECT_EQ(offset(a), offset(c));
  EXPECT_NE(offset(a), offset(b));
}

TEST(MemoryPlanTest, OutputsLiveToTheEnd) {
  Net net;
  const BlobId x = AddInput(&net, "x", 16);
  const BlobId early = AddOp(&net, "early", {x}, {Floats(16)})[0];
  BlobId y = x;
  for (int i = 0; i < 4; ++i) y = AddOp(&net, absl::StrCat("chain", i), {y}, {Floats(16)})[0];
  net.outputs = {early, y};
  const MemoryPlan plan = PlanMemory(net, NoScratch(net));
  CheckPlan(net, plan);
  EXPECT_EQ(plan.allocations[plan.allocation_of_blob[early]].last, 5);
  EXPECT_EQ(plan.allocations[plan.allocation_of_blob[y]].last, 5);
  EXPECT_EQ(plan.arena_bytes, 3 * 64u);
}

TEST(MemoryPlanTest, ResultsThatNobodyReadsHaveMemoryWhileTheyAreWritten) {
  Net net;
  const BlobId x = AddInput(&net, "x", 16);
  const std::vector<BlobId> y = AddOp(&net, "two", {x}, {Floats(16), Floats(16)});
  net.outputs = {y[0]};
  const MemoryPlan plan = PlanMemory(net, NoScratch(net));
  CheckPlan(net, plan);
  const Allocation& dead = plan.allocations[plan.allocation_of_blob[y[1]]];
  EXPECT_EQ(dead.first, 0);
  EXPECT_EQ(dead.last, 0);
  EXPECT_EQ(plan.arena_bytes, 128u);
}

TEST(MemoryPlanTest, ScratchLivesWhileItsOperatorRuns) {
  Net net;
  const BlobId x = AddInput(&net, "x", 16);
  const BlobId a = AddOp(&net, "a", {x}, {Floats(16)})[0];
  const BlobId b = AddOp(&net, "b", {a}, {Floats(16)})[0];
  net.outputs = {b};
  const MemoryPlan plan = PlanMemory(net, {1000, 1});
  CheckPlan(net, plan);
  ASSERT_NE(plan.scratch_of_op[0], kNone);
  const Allocation& scratch = plan.allocations[plan.scratch_of_op[0]];
  EXPECT_TRUE(scratch.blobs.empty());
  EXPECT_EQ(scratch.bytes, 1000u);
  EXPECT_EQ(scratch.first, 0);
  EXPECT_EQ(scratch.last, 0);
  // Operator 0: a and 1000 bytes, rounded up to 16 lines of 64.
  EXPECT_EQ(plan.lower_bound_bytes, 64u + 1024u);
  EXPECT_EQ(plan.arena_bytes, plan.lower_bound_bytes);
  EXPECT_EQ(PlanMemory(net, {0, 0}).scratch_of_op[0], kNone);
}

TEST(MemoryPlanTest, ChainsInPlaceShareOneAllocation) {
  Net net;
  const BlobId x = AddInput(&net, "x", 16);
  const BlobId a = AddOp(&net, "a", {x}, {Floats(16)})[0];
  const BlobId b = AddOp(&net, "b", {a}, {Floats(16)}, {{0, 0}})[0];
  const BlobId c = AddOp(&net, "c", {x, b}, {Floats(16)}, {{1, 0}})[0];
  net.outputs = {c};
  const MemoryPlan plan = PlanMemory(net, NoScratch(net));
  CheckPlan(net, plan);
  ASSERT_EQ(plan.allocations.size(), 1u);
  EXPECT_EQ(plan.allocations[0].blobs, (std::vector<BlobId>{a, b, c}));
  EXPECT_EQ(plan.allocations[0].first, 0);
  EXPECT_EQ(plan.allocations[0].last, 3);
  EXPECT_EQ(plan.arena_bytes, 64u);
}

TEST(MemoryPlanTest, OddSizesAreAligned) {
  Net net;
  const BlobId x = AddInput(&net, "x", 1);
  std::vector<BlobId> all;
  for (int64_t n : {1, 15, 16, 17, 0, 33}) {
    all.push_back(AddOp(&net, absl::StrCat("n", n), {x}, {Floats(n)})[0]);
  }
  net.outputs = all;
  const MemoryPlan plan = PlanMemory(net, NoScratch(net));
  CheckPlan(net, plan);
  EXPECT_EQ(plan.arena_bytes, 64u * (1 + 1 + 1 + 2 + 0 + 3));
  EXPECT_EQ(plan.arena_bytes, plan.lower_bound_bytes);
}

// A net of random operators, with random in-place pairs where they are legal.
Net RandomNet(RandomStream* random, int num_ops) {
  Net net;
  net.name = "random";
  std::vector<BlobId> values = {AddInput(&net, "x", 8)};
  const BlobId w = net.AddBlob("w", Floats(8));
  values.push_back(w);
  for (int i = 0; i < num_ops; ++i) {
    std::vector<BlobId> inputs;
    for (uint64_t k = random->Below(4); k > 0; --k) {
      // Mostly recent values, sometimes one from far back.
      const size_t recent = std::min<size_t>(values.size(), 12);
      const bool far_back = random->Below(5) == 0;
      inputs.push_back(
          values[values.size() - 1 - random->Below(far_back ? values.size() : recent)]);
    }
    std::vector<TensorType> types;
    for (uint64_t k = 1 + random->Below(3); k > 0; --k) {
      types.push_back(Floats(static_cast<int64_t>(random->Below(6)) * 16 +
                             static_cast<int64_t>(random->Below(3))));
    }
    for (BlobId blob : AddOp(&net, absl::StrCat("op", i), inputs, types)) values.push_back(blob);
  }
  const BlobId w_out = AddOp(&net, "update", {w, values.back()}, {Floats(8)})[0];
  net.states = {{w, w_out}};
  for (int k = 0; k < 3; ++k) net.outputs.push_back(values[2 + random->Below(values.size() - 2)]);

  const Uses uses(net);
  for (size_t i = 0; i + 1 < net.ops.size(); ++i) {
    Op& op = net.ops[i];
    if (op.inputs.empty()) continue;
    const int input = static_cast<int>(random->Below(op.inputs.size()));
    const BlobId from = op.inputs[input];
    if (uses.producer[from] == kNone || uses.is_root[from]) continue;
    int reads = 0;
    for (BlobId other : op.inputs) reads += other == from;
    if (reads > 1 || uses.readers[from].back().op != static_cast<OpId>(i)) continue;
    for (size_t k = 0; k < op.outputs.size(); ++k) {
      if (net.type(op.outputs[k]) != net.type(from)) continue;
      op.in_place = {{input, static_cast<int>(k)}};
      break;
    }
  }
  return net;
}

TEST(MemoryPlanTest, RandomNetsRunUndamaged) {
  RandomStream random(17, Purpose::kNoise);
  int in_place_pairs = 0;
  for (int round = 0; round < 200; ++round) {
    const Net net = RandomNet(&random, 2 + static_cast<int>(random.Below(40)));
    std::vector<size_t> scratch;
    for (const Op& op : net.ops) {
      in_place_pairs += static_cast<int>(op.in_place.size());
      scratch.push_back(random.Below(3) == 0 ? random.Below(500) : 0);
    }
    const MemoryPlan plan = PlanMemory(net, scratch);
    CheckPlan(net, plan);
    for (size_t i = 0; i < net.ops.size(); ++i) {
      ASSERT_EQ(plan.scratch_of_op[i] != kNone, scratch[i] > 0);
      for (const auto& [input, output] : net.ops[i].in_place) {
        ASSERT_EQ(plan.allocation_of_blob[net.ops[i].inputs[input]],
                  plan.allocation_of_blob[net.ops[i].outputs[output]]);
      }
    }
    if (HasFailure()) return;
  }
  EXPECT_GT(in_place_pairs, 100);
}

TEST(MemoryPlanTest, TheSameNetGetsTheSamePlan) {
  RandomStream random(3, Purpose::kNoise);
  const Net net = RandomNet(&random, 100);
  const MemoryPlan a = PlanMemory(net, NoScratch(net));
  const MemoryPlan b = PlanMemory(net, NoScratch(net));
  ASSERT_EQ(a.allocations.size(), b.allocations.size());
  for (size_t i = 0; i < a.allocations.size(); ++i) {
    EXPECT_EQ(a.allocations[i].offset, b.allocations[i].offset);
  }
  EXPECT_EQ(ExplainPlan(net, a), ExplainPlan(net, b));
}

TEST(ExplainPlanTest, ListsWhatIsAliveAtThePeakLargestFirst) {
  Net net;
  const BlobId x = AddInput(&net, "x", 16);
  const BlobId small = AddOp(&net, "small", {x}, {Floats(16)})[0];
  const BlobId large = AddOp(&net, "large", {small}, {Floats(256)})[0];
  const BlobId y = AddOp(&net, "y", {small, large}, {Floats(256)}, {{1, 0}})[0];
  const BlobId z = AddOp(&net, "z", {y}, {Floats(4)})[0];
  net.outputs = {z};
  const MemoryPlan plan = PlanMemory(net, {0, 0, 100, 0});
  CheckPlan(net, plan);
  const std::string text = ExplainPlan(net, plan);
  EXPECT_NE(text.find("peak of 1216 bytes at operator 2, Any 'y'"), std::string::npos) << text;
  const size_t at_large = text.find("large:0 and 1 over it");
  const size_t at_scratch = text.find("scratch of Any 'y'");
  const size_t at_small = text.find("small:0");
  ASSERT_NE(at_large, std::string::npos) << text;
  ASSERT_NE(at_scratch, std::string::npos) << text;
  ASSERT_NE(at_small, std::string::npos) << text;
  EXPECT_LT(at_large, at_scratch);
  EXPECT_LT(at_scratch, at_small);
  EXPECT_EQ(text.find("z:0"), std::string::npos) << text;
}

}  // namespace
}  // namespace graph
