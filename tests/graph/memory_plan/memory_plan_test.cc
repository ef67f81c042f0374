// The plan is checked by running nets on it: each operator finds in the arena
// what it reads exactly as it was written, whatever was written in between.
#include "graph/runtime/memory_plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "graph/base/random.h"
#include "graph/runtime/workspace.h"

namespace graph {
namespace {

TensorType Floats(int64_t elements) { return {DType::kF32, {elements}}; }

// Appends an operator whose outputs have the given types; the plan does not care
// what it computes.
std::vector<BlobId> AddOp(Net* net, const std::string& name, std::vector<BlobId> inputs,
                          const std::vector<TensorType>& outputs,
                          std::vector<std::pair<int, int>> in_place = {}) {
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

// Forward and backward of a pre-norm transformer, as operators that read and
// write what the real ones do.
Net Transformer(int layers, int64_t batch, int64_t tokens, int64_t dim, int64_t heads) {
  Net net;
  net.name = "transformer";
  const TensorType stream = Floats(batch * tokens * dim);
  const TensorType stat = Floats(batch * tokens);
  const TensorType qkv = Floats(3 * stream.elements());
  const TensorType hidden = Floats(4 * stream.elements());
  const TensorType lse = Floats(batch * heads * tokens);
  const TensorType w_qkv = Floats(3 * dim * dim), w_proj = Floats(dim * dim);
  const TensorType w_fc = Floats(4 * dim * dim), bias = Floats(dim);
  struct Saved {
    BlobId x, norm1, mean1, var1, qkv, att, lse, mid, norm2, mean2, var2, pre, act;
  };
  std::vector<Saved> saved;
  std::vector<BlobId> grads;
  BlobId x = AddInput(&net, "images", batch * tokens * dim);
  for (int l = 0; l < layers; ++l) {
    const auto op = [&](const std::string& name, std::vector<BlobId> in,
                        const std::vector<TensorType>& out) {
      return AddOp(&net, absl::StrCat("blocks.", l, ".", name), std::move(in), out);
    };
    Saved s;
    s.x = x;
    const auto n1 = op("norm1", {x}, {stream, stat, stat});
    s.norm1 = n1[0], s.mean1 = n1[1], s.var1 = n1[2];
    s.qkv = op("qkv", {s.norm1}, {qkv})[0];
    const auto att = op("attn", {s.qkv}, {stream, lse});
    s.att = att[0], s.lse = att[1];
    const BlobId proj = op("proj", {s.att}, {stream})[0];
    s.mid = op("add1", {x, proj}, {stream})[0];
    const auto n2 = op("norm2", {s.mid}, {stream, stat, stat});
    s.norm2 = n2[0], s.mean2 = n2[1], s.var2 = n2[2];
    s.pre = op("fc1", {s.norm2}, {hidden})[0];
    s.act = op("gelu", {s.pre}, {hidden})[0];
    const BlobId fc2 = op("fc2", {s.act}, {stream})[0];
    x = op("add2", {s.mid, fc2}, {stream})[0];
    saved.push_back(s);
  }
  const BlobId loss = AddOp(&net, "loss", {x}, {Floats(1)})[0];
  BlobId dx = AddOp(&net, "grad/loss", {x}, {stream})[0];
  for (int l = layers - 1; l >= 0; --l) {
    const auto op = [&](const std::string& name, std::vector<BlobId> in,
                        const std::vector<TensorType>& out) {
      return AddOp(&net, absl::StrCat("grad/blocks.", l, ".", name), std::move(in), out);
    };
    const Saved& s = saved[l];
    const BlobId d_act = op("fc2", {dx}, {hidden})[0];
    grads.push_back(op("fc2.w", {dx, s.act}, {w_fc})[0]);
    const BlobId d_pre = op("gelu", {s.pre, d_act}, {hidden})[0];
    const BlobId d_norm2 = op("fc1", {d_pre}, {stream})[0];
    grads.push_back(op("fc1.w", {d_pre, s.norm2}, {w_fc})[0]);
    const auto d_mid = op("norm2", {s.mid, s.mean2, s.var2, d_norm2}, {stream, bias, bias});
    const BlobId d_sum = op("add1", {dx, d_mid[0]}, {stream})[0];
    const BlobId d_att = op("proj", {d_sum}, {stream})[0];
    grads.push_back(op("proj.w", {d_sum, s.att}, {w_proj})[0]);
    const BlobId d_qkv = op("attn", {s.qkv, s.att, s.lse, d_att}, {qkv})[0];
    const BlobId d_norm1 = op("qkv", {d_qkv}, {stream})[0];
    grads.push_back(op("qkv.w", {d_qkv, s.norm1}, {w_qkv})[0]);
    const auto d_x = op("norm1", {s.x, s.mean1, s.var1, d_norm1}, {stream, bias, bias});
    dx = op("add0", {d_sum, d_x[0]}, {stream})[0];
    for (BlobId b : {d_mid[1], d_mid[2], d_x[1], d_x[2]}) grads.push_back(b);
  }
  std::vector<BlobId> norms;
  for (BlobId g : grads) {
    norms.push_back(AddOp(&net, absl::StrCat("norm/", net.blob(g).name), {g}, {Floats(1)})[0]);
  }
  const BlobId factors = AddOp(&net, "clip", norms, {Floats(64)})[0];
  for (BlobId g : grads) {
    AddOp(&net, absl::StrCat("adam/", net.blob(g).name), {g, factors}, {Floats(1)});
  }
  net.outputs = {loss};
  return net;
}

TEST(MemoryPlanTest, TransformerTrainingIsWithinFivePercentOfTheLowerBound) {
  // (layers, batch, tokens, dim, heads): base and tiny encoders, batches where
  // weight gradients outweigh activations, odd sizes.
  const int64_t cases[][5] = {{12, 16, 50, 768, 12},
                              {4, 8, 17, 128, 4},
                              {12, 8, 50, 192, 3},
                              {6, 3, 37, 99, 3},
                              {12, 1, 197, 192, 3}};
  for (const auto& c : cases) {
    const Net net = Transformer(static_cast<int>(c[0]), c[1], c[2], c[3], c[4]);
    // Scratch of up to one activation for every third operator.
    const size_t activation = static_cast<size_t>(c[1] * c[2] * c[3]) * sizeof(float);
    std::vector<size_t> scratch(net.ops.size(), 0);
    for (size_t i = 0; i < scratch.size(); i += 3) scratch[i] = activation * (i % 5) / 4;
    const MemoryPlan plan = PlanMemory(net, scratch);
    EXPECT_GE(plan.arena_bytes, plan.lower_bound_bytes);
    EXPECT_LE(static_cast<double>(plan.arena_bytes),
              1.05 * static_cast<double>(plan.lower_bound_bytes))
        << "dim " << c[3] << "\n"
        << ExplainPlan(net, plan);
  }
}

TEST(MemoryPlanTest, SmallTransformerRunsUndamaged) {
  const Net net = Transformer(2, 2, 5, 32, 2);
  CheckPlan(net, PlanMemory(net, NoScratch(net)));
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

TEST(MemoryPlanTest, ThousandsOfOperatorsArePlannedInAMoment) {
  const Net net = Transformer(96, 2, 50, 64, 4);
  ASSERT_GT(net.ops.size(), 3000u);
  const auto start = std::chrono::steady_clock::now();
  const MemoryPlan plan = PlanMemory(net, NoScratch(net));
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  RecordProperty("milliseconds", static_cast<int>(seconds.count() * 1e3));
  RecordProperty("ops", static_cast<int>(net.ops.size()));
  EXPECT_GE(plan.arena_bytes, plan.lower_bound_bytes);
  // Tens of milliseconds; the bound leaves room for sanitizers and busy machines.
  EXPECT_LT(seconds.count(), 10.0);
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
  const size_t at_large = text.find("large:0 = y:0");
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
