#include "tools/plan/step_prediction.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "graph/schema/builder.h"
#include "gtest/gtest.h"
#include "models/droppos/droppos.h"
#include "models/training/session_plan.h"
#include "tests/models/training/tiny_run.h"
#include "tools/plan/gpu_chips.h"
#include "tools/plugins.h"

namespace tools {
namespace {

using graph::DType;
using graph::Phase;
using ::testing::HasSubstr;

const MachineRates kRates = {/*f32_gflops=*/100, /*bf16_gflops=*/1000, 0, /*gb_per_s=*/8};
// Powers of two, so that the sums are exact.
const Efficiency kHalves = {/*products=*/0.5,     /*weight_gradients=*/0.25,
                            /*attention=*/0.125,
                            /*memory=*/0.5,       /*cache=*/2,
                            /*seconds_between=*/1};

class Prediction : public ::testing::Test {
 protected:
  // (rows, inner) · (inner, cols), or for MatMulWeightGrad what has as many sums.
  double Product(const std::string& type, int64_t rows, int64_t inner, int64_t cols, DType dtype,
                 const std::string& how = "", const Efficiency& efficiency = kHalves) {
    graph::NetBuilder b(&registry_, "net");
    const bool gradient = type == "MatMulWeightGrad";
    const graph::BlobId x =
        b.Input("x", {dtype, {gradient ? inner : rows, gradient ? rows : inner}});
    const graph::BlobId w = b.Input("w", {dtype, {inner, cols}});
    graph::Attrs attrs;
    if (gradient) {
      attrs["shape"] = std::vector<int64_t>{rows, cols};
    } else {
      attrs["trans_w"] = int64_t{0};
    }
    b.Output(b.Op(type, "product", {x, w}, attrs));
    const absl::StatusOr<graph::Net> net = b.Finish();
    EXPECT_TRUE(net.ok()) << net.status();
    return PredictedSeconds(registry_, *net, net->ops[0], how, kRates, efficiency);
  }

  const graph::SchemaRegistry registry_ = MakeRegistry();
};

TEST_F(Prediction, AProductTakesItsOperationsOrItsTraffic) {
  const double flops = 2.0 * 1024 * 1024 * 1024;
  EXPECT_DOUBLE_EQ(Product("MatMul", 1024, 1024, 1024, DType::kF32), flops / 50e9 + 1);
  EXPECT_DOUBLE_EQ(Product("MatMul", 1024, 1024, 1024, DType::kBF16), flops / 500e9 + 1);
  EXPECT_DOUBLE_EQ(Product("MatMulWeightGrad", 1024, 1024, 1024, DType::kF32), flops / 25e9 + 1);
  // Rows of 4 columns: 16 bytes for 32 operations, at 4 GB/s and 500 GFLOP/s.
  const double bytes = 2.0 * (4 * 1024 + 4 * 4 + 4 * 1024);
  EXPECT_DOUBLE_EQ(Product("MatMul", 1024, 4, 4, DType::kBF16), bytes / 4e9 + 1);
}

TEST_F(Prediction, AnEpilogueOfOurOwnPassesTheCacheTwice) {
  const double plain = Product("MatMul", 1024, 1024, 1024, DType::kBF16, "cublaslt");
  EXPECT_EQ(Product("MatMul", 1024, 1024, 1024, DType::kBF16), plain);
  EXPECT_DOUBLE_EQ(Product("MatMul", 1024, 1024, 1024, DType::kBF16, "cublaslt, own epilogue"),
                   plain + 2.0 * 1024 * 1024 * 4 / 16e9);
  Efficiency no_cache = kHalves;
  no_cache.cache = 0;
  EXPECT_EQ(Product("MatMul", 1024, 1024, 1024, DType::kBF16, "cublaslt, own epilogue", no_cache),
            plain);
}

TEST_F(Prediction, OtherOperatorsAreBoundByMemory) {
  graph::NetBuilder b(&registry_, "net");
  b.Output(b.Op("Gelu", "gelu", {b.Input("x", {DType::kF32, {1000, 1000}})}));
  const graph::Net net = b.Finish().value();
  EXPECT_DOUBLE_EQ(PredictedSeconds(registry_, net, net.ops[0], "", kRates, kHalves),
                   8e6 / 4e9 + 1);
}

TEST_F(Prediction, AttentionHasARateOfItsOwn) {
  graph::NetBuilder b(&registry_, "net");
  b.Output(b.Op("Attention", "attn", {b.Input("x", {DType::kBF16, {2, 4096, 3 * 64}})},
                {{"heads", int64_t{1}}}));
  const graph::Net net = b.Finish().value();
  const double flops = static_cast<double>(registry_.OpCost(net, net.ops[0]).flops);
  EXPECT_GE(flops, 2 * 2 * 2.0 * 4096 * 4096 * 64);
  EXPECT_DOUBLE_EQ(PredictedSeconds(registry_, net, net.ops[0], "own:mma", kRates, kHalves),
                   flops / 125e9 + 1);
}

TEST(KindOfWork, GoesByScopePhaseAndType) {
  const auto kind = [](const std::string& type, Phase phase, const std::string& part,
                       bool recomputed = false) {
    graph::Op op;
    op.type = type;
    op.phase = phase;
    op.part = part;
    op.recomputed = recomputed;
    return KindOf(op);
  };
  EXPECT_EQ(kind("Linear", Phase::kForward, "blocks.0.mlp.fc1"), "forward products");
  EXPECT_EQ(kind("Linear", Phase::kForward, "guide/blocks.0.mlp.fc1"), "guide products");
  EXPECT_EQ(kind("MatMul", Phase::kBackward, "blocks.0.mlp.fc1"), "input gradients");
  EXPECT_EQ(kind("MatMulWeightGrad", Phase::kBackward, "blocks.0.mlp.fc1"), "weight gradients");
  EXPECT_EQ(kind("AttentionGrad", Phase::kBackward, "blocks.0.attn"), "attention");
  EXPECT_EQ(kind("Attention", Phase::kForward, "guide/blocks.0.attn"), "guide attention");
  EXPECT_EQ(kind("AddLayerNorm", Phase::kForward, "guide/blocks.0.norm1"), "guide norms");
  EXPECT_EQ(kind("LayerNormGrad", Phase::kBackward, "blocks.0.norm1"), "norms");
  EXPECT_EQ(kind("GeluWithDerivative", Phase::kForward, "blocks.0.mlp.act"), "GELU");
  EXPECT_EQ(kind("SumToShape", Phase::kBackward, "blocks.0.mlp.fc1"), "bias gradients");
  EXPECT_EQ(kind("Patchify", Phase::kForward, "patch_embed"), "other");
  EXPECT_EQ(kind("AdamW", Phase::kUpdate, ""), "update");
  EXPECT_EQ(kind("Linear", Phase::kBackward, "blocks.0.mlp.fc1", true), "recomputation");
}

// Every operator is in one kind, and the nets in the middle of a window count as often as they run.
TEST(PredictWindow, CountsEveryOperatorOfAWindow) {
  const models::TinyEngine engine;
  const models::DropPos model(models::TinyModelConfig(), models::TinyDropPosConfig(true));
  const auto plan = models::PlanSession(model, engine.Options(/*batch=*/8, /*accum_iter=*/5));
  ASSERT_TRUE(plan.ok()) << plan.status();
  ASSERT_EQ(plan->steps.size(), 3u);
  graph::Cost all;
  size_t operators = 0;
  for (size_t i = 0; i < 3; ++i) {
    const graph::Cost cost = engine.registry.NetCost(plan->steps[i].net);
    const int times = i == 1 ? 3 : 1;
    all.flops += times * cost.flops;
    all.bytes += times * cost.bytes;
    operators += times * plan->steps[i].net.ops.size();
  }
  const KindOfWork sum = Sum(PredictWindow(engine.registry, *plan, 5, kRates));
  EXPECT_DOUBLE_EQ(sum.flops, static_cast<double>(all.flops));
  EXPECT_DOUBLE_EQ(sum.bytes, static_cast<double>(all.bytes));
  EXPECT_EQ(sum.operators, static_cast<int>(operators));
  // Bound by this memory, but for a few products.
  EXPECT_GE(sum.floor_seconds, sum.bytes / (8e9 * kFloor.memory));
  EXPECT_LT(sum.floor_seconds, 1.5 * sum.bytes / (8e9 * kFloor.memory));
  EXPECT_GT(sum.goal_seconds, sum.floor_seconds);

  double inputs = 0;
  for (size_t i = 0; i < 3; ++i) {
    const graph::Net& net = plan->steps[i].net;
    for (const graph::BlobId input : net.inputs) {
      inputs += (i == 1 ? 3.0 : 1.0) * static_cast<double>(net.type(input).bytes());
    }
  }
  // Beside operators that take longer only the copy within the device is seen.
  const KindOfWork beside = PredictCopies(*plan, 5, sum, kRates);
  EXPECT_EQ(beside.kind, "copy of images");
  EXPECT_EQ(beside.operators, 0);
  EXPECT_GT(inputs, 0);
  EXPECT_DOUBLE_EQ(beside.bytes, 2 * inputs);
  EXPECT_DOUBLE_EQ(beside.floor_seconds, 2 * inputs / (8e9 * kFloor.memory));
  EXPECT_DOUBLE_EQ(beside.goal_seconds, 2 * inputs / (8e9 * kGoal.memory));
  // Beside nothing all of it is.
  const KindOfWork alone = PredictCopies(*plan, 5, {}, kRates);
  EXPECT_NEAR(alone.floor_seconds, beside.floor_seconds + inputs / 25e9, 1e-12);
  EXPECT_NEAR(alone.goal_seconds, beside.goal_seconds + inputs / 25e9 + inputs / 10e9, 1e-12);
}

TEST(GpuChips, UnknownOnesAreRefusedWithTheKnown) {
  const auto chips = GpuChips({"h200", "a100-40"});
  ASSERT_TRUE(chips.ok()) << chips.status();
  EXPECT_EQ((*chips)[0].properties.name, "NVIDIA H200");
  EXPECT_EQ((*chips)[1].properties.memory_bytes >> 30, 39u);
  const absl::Status unknown = GpuChips({"h100", "v100"}).status();
  EXPECT_EQ(unknown.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(unknown.message(),
            "there is no 'v100'; known are a100-40, a100, h100, h200, l40s, rtx4090");
  EXPECT_THAT(std::string(GpuChips({""}).status().message()), HasSubstr("known are"));
}

}  // namespace
}  // namespace tools
