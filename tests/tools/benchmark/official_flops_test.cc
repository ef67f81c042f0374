// The yardstick against numbers worked out by hand.
#include <algorithm>

#include "gtest/gtest.h"
#include "models/droppos/droppos_config.h"
#include "models/vit/classifier.h"
#include "tools/benchmark/roofline.h"
#include "tools/plugins.h"

namespace tools {
namespace {

// The defaults of ZooEntry's parts are ViT-B/16 with a decoder of 2 blocks, at .75/.75: 196
// patches, 49 of them visible.
models::ModelConfig VitB() { return {}; }

models::OfficialNet DropPosStep(const models::ModelConfig& model,
                                const std::string& type = "mae_pos_target",
                                bool attn_guide = true) {
  models::DropPosConfig config;
  config.drop_pos_type = type;
  config.attn_guide = attn_guide;
  models::ZooEntry entry = MakeZoo().Find("droppos_vitb").value();
  entry.model = model;
  entry.options = std::make_shared<models::DropPosConfig>(config);
  return entry.make(entry, 0)->OfficialStep();
}

// A linear layer and a block, forward.
double Linear(double rows, double in, double out) { return 2 * rows * in * out; }
double Attention(double tokens, double width) { return 4 * tokens * tokens * width; }
// qkv, proj, fc1, fc2: 3 + 1 + 4 + 4 times width², two operations each.
double Block(double tokens, double width) { return 24 * tokens * width * width; }

const models::OfficialLinear& Find(const models::OfficialNet& net, const std::string& name) {
  const auto at = std::find_if(net.linears.begin(), net.linears.end(),
                               [&](const models::OfficialLinear& l) { return l.name == name; });
  EXPECT_NE(at, net.linears.end()) << name;
  return *at;
}

TEST(OfficialFlops, VitBAsWorkedOutByHand) {
  const models::OfficialNet net = DropPosStep(VitB());
  // Patch embedding 231,211,008; 12 blocks of 197 tokens 33,464,254,464 and attention
  // 1,430,654,976.
  EXPECT_EQ(net.forward_only, 35126120448.0);
  // Patch embedding twice (forward, weight) 462,422,016; 12 blocks of 50 tokens three times
  // 25,480,396,800 and 276,480,000; decoder_embed 117,964,800; 2 decoder blocks 1,887,436,800
  // and 30,720,000; decoder_pred 30,105,600.
  EXPECT_EQ(net.total - net.forward_only, 28285526016.0);
  EXPECT_NEAR(net.total / 1e9, 63, 0.5);
  EXPECT_EQ(net.attention, 1430654976.0 + 276480000.0 + 30720000.0);
  EXPECT_EQ(net.linear + net.attention, net.total);
}

TEST(OfficialFlops, TheGuideIsAllTokensForwardOnly) {
  const models::OfficialNet net = DropPosStep(VitB());
  const models::OfficialLinear& guide = Find(net, "guide/blocks.fc1");
  EXPECT_EQ(guide.rows, 197);
  EXPECT_EQ(guide.layers, 12) << "its last block is computed whole";
  EXPECT_FALSE(guide.input_gradient);
  EXPECT_FALSE(guide.weight_gradient);
  const models::OfficialLinear& trained = Find(net, "blocks.fc1");
  EXPECT_EQ(trained.rows, 50);
  EXPECT_TRUE(trained.input_gradient);
  EXPECT_TRUE(trained.weight_gradient);
  const models::OfficialLinear& embed = Find(net, "patch_embed");
  EXPECT_EQ(embed.rows, 196) << "all patches are embedded, also the hidden ones";
  EXPECT_FALSE(embed.input_gradient) << "images have no gradient";
  EXPECT_EQ(Find(net, "decoder_blocks.qkv").rows, 50) << "all visible ones, and the class token";

  const models::OfficialNet without = DropPosStep(VitB(), "mae_pos_target", /*attn_guide=*/false);
  EXPECT_EQ(without.forward_only, 0);
  EXPECT_EQ(without.total, net.total - net.forward_only);
}

TEST(OfficialFlops, CifarShape) {
  // 64 patches, 16 visible.
  const models::OfficialNet net = DropPosStep({32, 32, 3, 4, 192, 6, 3, 128, 2, 4, 4.0});
  const double guide = Linear(64, 48, 192) + 6 * (Block(65, 192) + Attention(65, 192));
  EXPECT_EQ(net.forward_only, guide);
  EXPECT_EQ(net.total, guide + 2 * Linear(64, 48, 192) +
                           3 * (6 * (Block(17, 192) + Attention(17, 192)) + Linear(17, 192, 128) +
                                2 * (Block(17, 128) + Attention(17, 128)) + Linear(17, 128, 64)));
}

TEST(OfficialFlops, PixelDecoders) {
  const double l = 196;
  const double encoder = 2 * Linear(l, 768, 768) + 36 * (Block(50, 768) + Attention(50, 768));
  const double pixels = 3 * (Linear(50, 768, 512) + 2 * (Block(197, 512) + Attention(197, 512)) +
                             Linear(197, 512, 768));
  const models::OfficialNet mae = DropPosStep(VitB(), "vanilla_mae");
  EXPECT_EQ(mae.total, encoder + pixels);
  EXPECT_EQ(mae.forward_only, 0) << "it has no guide, whatever attn_guide says";
  EXPECT_EQ(DropPosStep(VitB(), "multi_task").total, DropPosStep(VitB()).total + pixels);
}

TEST(OfficialFlops, ClassifierSeesAllPatches) {
  EXPECT_EQ(models::VitClassifier(VitB(), 10).OfficialStep().total,
            2 * Linear(196, 768, 768) +
                3 * (12 * (Block(197, 768) + Attention(197, 768)) + Linear(1, 768, 10)));
}

TEST(OfficialFlops, GemmsOfAStepAddUp) {
  const models::OfficialNet net = DropPosStep(VitB(), "multi_task");
  const std::vector<Gemm> gemms = StepGemms(net, 16);
  double flops = 0;
  for (const Gemm& g : gemms) flops += g.flops() * static_cast<double>(g.times);
  EXPECT_EQ(flops, 16 * net.linear);

  const auto times = [&](int64_t m, int64_t k, int64_t n, bool weight_gradient) {
    int64_t found = 0;
    for (const Gemm& g : gemms) {
      if (g.m == m && g.k == k && g.n == n && g.weight_gradient == weight_gradient) {
        EXPECT_EQ(found, 0) << "each shape once";
        found = g.times;
      }
    }
    return found;
  };
  EXPECT_EQ(times(16 * 197, 768, 3072, false), 12) << "fc1 of the guide";
  EXPECT_EQ(times(16 * 50, 768, 3072, false), 24) << "fc1 forward, and fc2's input gradient";
  EXPECT_EQ(times(16 * 50, 768, 768, false), 24) << "proj in both directions";
  EXPECT_EQ(times(768, 16 * 50, 3072, true), 12) << "weight of fc1";
  EXPECT_EQ(times(768, 16 * 196, 768, true), 1) << "weight of the patch embedding";
}

}  // namespace
}  // namespace tools
