#include "models/layers/transformer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "graph/base/random.h"
#include "graph/ir/text.h"
#include "graph/passes/pipeline.h"
#include "tests/graph/passes/pass_testing.h"
#include "tests/harness/backends.h"
#include "tests/harness/host_tensor.h"
#include "tests/harness/op_runner.h"
#include "tests/models/layers/drop_path_net.h"

namespace models {
namespace {

using graph::BlobId;
using graph::Net;
using harness::HostTensor;

std::vector<float> RatesOf(float rate, int depth) {
  graph::NetBuilder net(&graph::CoreOps(), "net");
  ModelBuilder b(&net);
  const BlobId keys = net.Input("keys", {graph::DType::kI64, {2}});
  const DropPath drop_path = DrawDropPath(&b, "drop_path", rate, depth, keys);
  EXPECT_TRUE(net.status().ok()) << net.status();
  EXPECT_EQ(drop_path.scales == graph::kNone, net.net().ops.empty());
  return drop_path.rates;
}

// Of the golden cases, and of torch.linspace(0, 0.1, 12), where each tenth of a rate is rounded.
TEST(DropPath, RatesGrowWithDepth) {
  EXPECT_EQ(RatesOf(0.3f, 3), (std::vector<float>{0, 0.15000000596046448f, 0.30000001192092896f}));
  EXPECT_EQ(RatesOf(0.4f, 2), (std::vector<float>{0, 0.4000000059604645f}));
  const std::vector<float> rates = RatesOf(0.1f, 12);
  ASSERT_EQ(rates.size(), 12u);
  EXPECT_EQ(rates[0], 0.0f);
  EXPECT_EQ(rates[11], 0.1f);
  for (int i = 1; i < 12; ++i) EXPECT_NEAR(rates[i], 0.1 / 11 * i, 1e-8) << i;
}

TEST(DropPath, NothingIsDrawnWithoutRates) {
  EXPECT_EQ(RatesOf(0.0f, 12), std::vector<float>());
  EXPECT_EQ(RatesOf(0.5f, 1), std::vector<float>());
}

TEST(DropPath, RefusesRatesThatAreNone) {
  for (const float rate : {-0.1f, 1.0f, std::nanf("")}) {
    graph::NetBuilder net(&graph::CoreOps(), "net");
    ModelBuilder b(&net);
    DrawDropPath(&b, "drop_path", rate, 2, net.Input("keys", {graph::DType::kI64, {2}}));
    EXPECT_NE(std::string(net.status().message()).find("is outside [0, 1)"), std::string::npos)
        << net.status();
  }
}

// Both branches of a block have a row of their own; the first block has none.
TEST(DropPath, EachBranchHasARow) {
  const Net net = DropPathNet(graph::CoreOps(), ScalesFrom::kKeys);
  std::vector<std::string> scaled;
  for (const graph::Op& op : net.ops) {
    if (op.type == "DropPathScales") {
      EXPECT_EQ(op.Floats("rates"), (std::vector<float>{0.15f, 0.15f, 0.3f, 0.3f}));
    }
    if (op.type != "ScaleImages" || op.phase != graph::Phase::kForward) continue;
    EXPECT_EQ(op.Int("index"), static_cast<int64_t>(scaled.size()));
    scaled.push_back(op.name);
  }
  EXPECT_EQ(scaled, (std::vector<std::string>{"blocks.1.attn.drop_path", "blocks.1.mlp.drop_path",
                                              "blocks.2.attn.drop_path", "blocks.2.mlp.drop_path"}));
  for (const graph::Op& op : DropPathNet(graph::CoreOps(), ScalesFrom::kNothing).ops) {
    EXPECT_NE(op.type, "ScaleImages");
  }
}

// The same random numbers for each blob of that name.
HostTensor Filled(const graph::TensorType& type, const std::string& name) {
  HostTensor tensor(type);
  graph::RandomStream random(graph::HashName(name), graph::Purpose::kNoise);
  for (int64_t i = 0; i < tensor.size(); ++i) {
    if (type.dtype == graph::DType::kI64) {
      tensor.SetInt(i, static_cast<int64_t>(random.Next()));
    } else {
      tensor.Set(i, random.Uniform(-0.5, 0.5) + (name.find("norm") != std::string::npos));
    }
  }
  return tensor;
}

// The outputs of `net` on the reference backend, which has kernels for what every lowering makes.
std::vector<HostTensor> Evaluate(const Net& net, const HostTensor* scales = nullptr) {
  std::map<BlobId, HostTensor> feeds;
  const auto feed = [&](BlobId blob) {
    const std::string& name = net.blob(blob).name;
    feeds[blob] = name == "scales" ? *scales : Filled(net.type(blob), name);
  };
  for (BlobId input : net.inputs) feed(input);
  for (const graph::State& state : net.states) feed(state.entry);
  auto outputs = harness::EvaluateNet(net, harness::ReferenceBackend(), feeds, net.outputs);
  EXPECT_TRUE(outputs.ok()) << outputs.status();
  return outputs.ok() ? *std::move(outputs) : std::vector<HostTensor>();
}

void ExpectNear(const HostTensor& got, const HostTensor& want, double bound) {
  ASSERT_EQ(got.size(), want.size());
  double scale = 1e-3;
  for (int64_t i = 0; i < want.size(); ++i) scale = std::max(scale, std::fabs(want.Get(i)));
  for (int64_t i = 0; i < want.size(); ++i) {
    ASSERT_LE(std::fabs(got.Get(i) - want.Get(i)), bound * scale) << "at " << i;
  }
}

// What the golden cases call drop_path_kept is a scale of 0 or of 1 / (1 - rate). Image 0 keeps
// all with scales of 1, image 1 none, image 2 those of block 1, image 3 those of block 2.
TEST(DropPath, AScaleOfZeroLeavesTheBranchOut) {
  const HostTensor scales(harness::F32({4, 4}),
                          {1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 1});
  const auto got = Evaluate(DropPathNet(graph::CoreOps(), ScalesFrom::kInput), &scales);
  const auto whole = Evaluate(DropPathNet(graph::CoreOps(), ScalesFrom::kNothing));
  ASSERT_FALSE(got.empty() || whole.empty());
  const HostTensor &y = got[0], &all = whole[0];
  // Of the blocks alone, each image is as in a net that has only those that it keeps.
  const auto blocks = [&](const std::vector<int>& numbers) {
    graph::NetBuilder net(&graph::CoreOps(), "net");
    ModelBuilder b(&net);
    BlobId x = net.Input("x", b.Type({4, 5, 32}));
    for (int i : numbers) x = TransformerBlock(&b, "blocks." + std::to_string(i), x, 2, 2.0);
    net.Output(x);
    return Evaluate(net.net())[0];
  };
  const HostTensor of_image[] = {all, blocks({0}), blocks({0, 1}), blocks({0, 2})};
  for (int64_t i = 0; i < y.size(); ++i) {
    const double want = of_image[i / 160].Get(i);
    ASSERT_NEAR(y.Get(i), want, 1e-6 * (1 + std::fabs(want))) << "image " << i / 160;
  }
}

// Only the gradients of what an image keeps reach its blocks: where all images drop a block, its
// parameters have none.
TEST(DropPath, ADroppedBranchHasNoGradient) {
  const HostTensor scales(harness::F32({4, 4}), std::vector<double>{2, 2, 2, 2, 2, 2, 2, 2,  //
                                                                    0, 0, 0, 0, 2, 2, 2, 2});
  const Net net = DropPathNet(graph::CoreOps(), ScalesFrom::kInput);
  const auto outputs = Evaluate(net, &scales);
  ASSERT_EQ(outputs.size(), net.outputs.size());
  int dropped = 0;
  for (size_t i = 2; i < outputs.size(); ++i) {  // behind the blocks and the loss
    const std::string& name = net.blob(net.outputs[i]).name;
    double largest = 0;
    for (int64_t k = 0; k < outputs[i].size(); ++k) {
      largest = std::max(largest, std::fabs(outputs[i].Get(k)));
    }
    const bool is_dropped = name.find("blocks.2.attn") != std::string::npos ||
                            name.find("blocks.2.norm1") != std::string::npos;
    dropped += is_dropped;
    EXPECT_EQ(largest == 0, is_dropped) << name;
  }
  EXPECT_EQ(dropped, 6);
}

// Lowered for either backend the net keeps its numbers, and each scaled residual is taken into the
// norm behind it.
TEST(DropPath, LoweredNetsKeepTheFusion) {
  const Net net = DropPathNet(graph::CoreOps(), ScalesFrom::kKeys);
  const auto want = Evaluate(net);
  for (const bool cuda : {false, true}) {
    for (const auto precision : {graph::ComputePrecision::kF32, graph::ComputePrecision::kBF16}) {
      const bool low = precision == graph::ComputePrecision::kBF16;
      graph::PipelineOptions options;
      options.precision = precision;
      const auto lowered = [&](Net lowered) {
        const auto changed = graph::RunPipeline(
            &lowered, graph::CoreOps(),
            cuda ? graph::CudaPasses(options) : graph::CpuPasses(options), options);
        EXPECT_TRUE(changed.ok()) << changed.status();
        return lowered;
      };
      const Net fused = lowered(net);
      SCOPED_TRACE(graph::ToText(fused));
      int scaled = 0, gradients = 0;
      for (const graph::Op& op : fused.ops) {
        scaled += op.type == "AddLayerNorm" && op.inputs.size() == 5;
        if (op.type != "ScaleImages") continue;
        EXPECT_EQ(op.phase, graph::Phase::kBackward) << op.name;
        // What products read is written at once.
        EXPECT_EQ(fused.type(op.outputs[0]).dtype,
                  low ? graph::DType::kBF16 : graph::DType::kF32);
        ++gradients;
      }
      EXPECT_EQ(scaled, 4);
      EXPECT_EQ(gradients, 4);
      const auto got = Evaluate(fused);
      ASSERT_EQ(got.size(), want.size());
      for (size_t i = 0; i < want.size(); ++i) ExpectNear(got[i], want[i], low ? 0.1 : 1e-5);

      // No slower: neither than unfused, nor, but for the gradients in f32, than without drop path.
      const int64_t bytes = graph::CoreOps().NetCost(fused).bytes;
      options.disabled = {"residual_norm_fusion"};
      EXPECT_LT(bytes, graph::CoreOps().NetCost(lowered(net)).bytes);
      options.disabled = {};
      const int64_t plain =
          graph::CoreOps()
              .NetCost(lowered(DropPathNet(graph::CoreOps(), ScalesFrom::kNothing)))
              .bytes;
      std::cout << (cuda ? "cuda" : "cpu") << (low ? " bf16: " : " f32: ") << bytes
                << " bytes, without drop path " << plain << "\n";
      EXPECT_LT(bytes, plain * (low ? 1.02 : 1.06));
    }
  }
}

}  // namespace
}  // namespace models
