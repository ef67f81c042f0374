// What --guide_precision does to the one thing that the guide makes: a weight for each
// visible patch. The same net with the same parameters and images, its guide in 8-bit
// products and in bf16 beside fp32.
#include <algorithm>
#include <cmath>
#include <iostream>
#include <memory>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "backends/cpu/kernel_table.h"
#include "graph/base/random.h"
#include "gtest/gtest.h"
#include "models/droppos/droppos.h"
#include "models/training/forward_net.h"
#include "tests/harness/backends.h"
#include "tests/models/training/tiny_run.h"
#include "tools/flags/resolve_flags.h"
#include "tools/plugins.h"

namespace models {
namespace {

constexpr int kImages = 4;
constexpr int kVisible = 32;  // of 64 patches

ModelConfig SmallViT() {
  ModelConfig model;
  model.input_h = model.input_w = 32;
  model.patch_size = 4;
  model.embed_dim = 96;
  model.depth = 6;
  model.num_heads = 3;
  model.decoder_embed_dim = 32;
  model.decoder_depth = 1;
  model.decoder_num_heads = 2;
  return model;
}

// Freshly initialised, attention is nearly uniform and the weights say nothing. These
// parameters spread it as training does: products of gain 1.5, norms and biases that
// are not all alike.
void Fill(const Parameter& parameter, uint64_t seed, absl::Span<float> values) {
  graph::RandomStream random(graph::MixKeys(seed, graph::HashName(parameter.name)),
                             graph::Purpose::kNoise);
  const bool matrix = parameter.type.rank() > 1 && absl::EndsWith(parameter.name, ".weight");
  const double fan_in = matrix ? static_cast<double>(values.size()) / parameter.type.dim(0) : 0;
  for (float& v : values) {
    if (matrix) {
      v = static_cast<float>(1.5 / std::sqrt(fan_in) * random.Normal());
    } else {
      const bool scale = absl::EndsWith(parameter.name, ".weight");
      v = static_cast<float>((scale ? 1 : 0) + 0.1 * random.Normal());
    }
  }
}

// The weights, kImages rows of kVisible that sum to 1 each.
std::vector<double> Weights(const graph::Backend& backend, const std::string& guide_precision,
                            uint64_t seed) {
  const graph::SchemaRegistry registry = tools::MakeRegistry();
  const ModelConfig model = SmallViT();
  DropPosConfig config;
  config.mask_ratio = 0.5;
  config.guide_precision = guide_precision;
  tools::ResolvedFlags resolved;
  resolved.flags.precision = "fp32";
  resolved.entry.options = std::make_shared<DropPosConfig>(config);
  graph::CompileOptions options;
  options.registry = &registry;
  options.backend = &backend;
  options.passes = tools::PassOptions(resolved);
  graph::Workspace workspace(backend.device);
  const auto build = [&](ModelBuilder* b) -> ForwardNet::Outputs {
    return {{"attn", BuildDropPos(b, model, config, kImages, NoiseSource::kKeys).attn}};
  };
  auto net = ForwardNet::Compile("guide", options, build, &workspace);
  EXPECT_TRUE(net.ok()) << net.status();
  if (!net.ok()) return {};
  int quantized = 0;
  for (const graph::Op& op : (*net)->executable().net().ops)
    quantized += op.type == "QuantizedLinear";
  EXPECT_EQ(quantized > 0, guide_precision == "int8");
  for (const Parameter& p : (*net)->parameters()) {
    Fill(p, seed, workspace.Find(p.name)->as<float>());
  }
  EXPECT_TRUE((*net)->Feed(RandomBatch(model, kImages, seed)).ok());
  EXPECT_TRUE((*net)->Run().ok());
  const std::vector<float> attn = (*net)->Read<float>("attn").value();
  EXPECT_EQ(attn.size(), static_cast<size_t>(kImages * kVisible));
  return {attn.begin(), attn.end()};
}

// In units of the mean weight, 1 / kVisible.
struct Difference {
  double largest = 0, rms = 0;
  double correlation = 0;  // of the weights' distances from the mean
};

Difference Compare(const std::vector<double>& weights, const std::vector<double>& exact) {
  Difference d;
  EXPECT_EQ(weights.size(), exact.size());
  if (weights.size() != exact.size()) return d;
  double xx = 0, yy = 0, xy = 0;
  for (size_t i = 0; i < exact.size(); ++i) {
    const double x = kVisible * weights[i] - 1, y = kVisible * exact[i] - 1;
    d.largest = std::max(d.largest, std::fabs(x - y));
    d.rms += (x - y) * (x - y) / static_cast<double>(exact.size());
    xx += x * x;
    yy += y * y;
    xy += x * y;
  }
  d.rms = std::sqrt(d.rms);
  d.correlation = xy / std::sqrt(xx * yy);
  return d;
}

double Spread(const std::vector<double>& weights) {
  double squares = 0;
  for (double w : weights) squares += std::pow(kVisible * w - 1, 2);
  return std::sqrt(squares / static_cast<double>(weights.size()));
}

class GuidePrecision : public ::testing::TestWithParam<const char*> {
 protected:
  graph::Backend backend() const {
    return GetParam() == std::string("cpu") ? *tools::MakeBackend("cpu", 2)
                                            : harness::ReferenceBackend();
  }
};

// The bounds. Eight bits: the largest of an image's 65 x 96 activations is about 4.5
// deviations, so a step is 4.5/127 of one and its rounding 1%; a row of weights has 0.6%,
// so a product is off by 1.2%, and what reaches the last attention through the blocks
// before by about 3%. Its logits, whose deviation is 1.5 * 1.5, are off by 0.1, a head's
// probabilities by 0.1 of themselves, the mean of three heads by 0.06 of the mean weight.
// In bf16 an operand is off by 0.1%, but in every operator: a quarter of that is seen.
// About twice what is seen is allowed. A wrong scale changes a product by its own size,
// which leaves little correlation.
TEST_P(GuidePrecision, WeightsStayNearThoseOfFp32) {
  if (GetParam() == std::string("cpu") && !backends::cpu::DetectCapabilities().bf16_products) {
    GTEST_SKIP() << "no products of bf16 on this CPU";
  }
  const graph::Backend on = backend();
  for (const uint64_t seed : {1, 2}) {
    SCOPED_TRACE(seed);
    const std::vector<double> exact = Weights(on, "same", seed);
    ASSERT_GT(Spread(exact), 0.5) << "weights that are all alike tell nothing";
    const Difference int8 = Compare(Weights(on, "int8", seed), exact);
    const Difference bf16 = Compare(Weights(on, "bf16", seed), exact);
    for (const auto& [name, d] : {std::make_pair("int8", int8), std::make_pair("bf16", bf16)}) {
      std::cout << absl::StrFormat(
          "seed %d, spread %.2f, %s: rms %.4f, largest %.4f of the mean weight; correlation "
          "%.5f\n",
          seed, Spread(exact), name, d.rms, d.largest, d.correlation);
    }
    EXPECT_LT(int8.rms, 0.15);
    EXPECT_LT(int8.largest, 0.8);
    EXPECT_GT(int8.correlation, 0.987);
    EXPECT_LT(bf16.rms, 0.04);
    EXPECT_LT(bf16.largest, 0.2);
    EXPECT_GT(bf16.correlation, 0.999);
    EXPECT_GT(int8.rms, 1.5 * bf16.rms) << "nothing was rounded to 8 bits";
    EXPECT_LT(int8.rms, 10 * bf16.rms);
  }
}

INSTANTIATE_TEST_SUITE_P(Backends, GuidePrecision, ::testing::Values("cpu", "reference"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace models
