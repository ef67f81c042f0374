// How tight the plan of a training net is, and how long making it takes.
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "graph/runtime/memory_plan.h"
#include "tests/graph/memory_plan/plan_testing.h"

namespace graph {
namespace {

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

TEST(TransformerPlanTest, IsWithinFivePercentOfTheLowerBound) {
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

TEST(TransformerPlanTest, ASmallOneRunsUndamaged) {
  const Net net = Transformer(2, 2, 5, 32, 2);
  CheckPlan(net, PlanMemory(net, NoScratch(net)));
}

TEST(TransformerPlanTest, ThousandsOfOperatorsArePlannedInAMoment) {
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

}  // namespace
}  // namespace graph
