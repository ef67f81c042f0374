#include "models/vit/layer_decay.h"

#include <cmath>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace models {
namespace {

struct Expected {
  std::string name;
  std::vector<int64_t> shape;
  double scale;
  bool decays;
};

Parameter ParameterOf(const Expected& e) {
  Parameter p;
  p.name = e.name;
  p.type = {graph::DType::kF32, graph::Shape(e.shape.begin(), e.shape.end())};
  return p;
}

void ExpectGroups(int depth, double decay, const std::vector<Expected>& expected) {
  std::vector<Parameter> parameters;
  for (const Expected& e : expected) parameters.push_back(ParameterOf(e));
  SetLayerDecay(depth, decay, &parameters);
  for (size_t i = 0; i < expected.size(); ++i) {
    SCOPED_TRACE(expected[i].name);
    EXPECT_NEAR(LayerScale(expected[i].name, depth, decay), expected[i].scale, 1e-15);
    EXPECT_FLOAT_EQ(parameters[i].spec.lr_scale, static_cast<float>(expected[i].scale));
    EXPECT_EQ(parameters[i].decays(), expected[i].decays);
    EXPECT_TRUE(parameters[i].trained());
  }
}

// The parameters of a block, all in one layer.
void AppendBlock(int block, double scale, std::vector<Expected>* to) {
  const std::string name = "blocks." + std::to_string(block);
  for (const char* norm : {".norm1", ".norm2"}) {
    to->push_back({name + norm + ".weight", {32}, scale, false});
    to->push_back({name + norm + ".bias", {32}, scale, false});
  }
  for (const char* linear : {".attn.qkv", ".attn.proj", ".mlp.fc1", ".mlp.fc2"}) {
    to->push_back({name + linear + ".weight", {32, 32}, scale, true});
    to->push_back({name + linear + ".bias", {32}, scale, false});
  }
}

// The groups of param_groups_lrd in the golden cases ft_cls and ft_mean, as their files have them.
TEST(LayerDecay, TheGroupsOfTheOfficialCode) {
  std::vector<Expected> with_token = {{"cls_token", {1, 1, 32}, 0.274625, false},
                                      {"pos_embed", {1, 17, 32}, 0.274625, false},
                                      {"patch_embed.proj.weight", {32, 3, 8, 8}, 0.274625, true},
                                      {"patch_embed.proj.bias", {32}, 0.274625, false},
                                      {"norm.weight", {32}, 1, false},
                                      {"norm.bias", {32}, 1, false},
                                      {"head.weight", {7, 32}, 1, true},
                                      {"head.bias", {7}, 1, false}};
  AppendBlock(0, 0.4225, &with_token);
  AppendBlock(1, 0.65, &with_token);
  ExpectGroups(2, 0.65, with_token);

  std::vector<Expected> mean = {{"cls_token", {1, 1, 32}, 0.31640625, false},
                                {"patch_embed.proj.weight", {32, 3, 8, 8}, 0.31640625, true},
                                {"patch_embed.proj.bias", {32}, 0.31640625, false},
                                {"fc_norm.weight", {32}, 1, false},
                                {"fc_norm.bias", {32}, 1, false},
                                {"head.weight", {10, 32}, 1, true},
                                {"head.bias", {10}, 1, false}};
  AppendBlock(0, 0.421875, &mean);
  AppendBlock(1, 0.5625, &mean);
  AppendBlock(2, 0.75, &mean);
  ExpectGroups(3, 0.75, mean);
}

// ViT-B/16 at 0.75; block 10 is no block 1.
TEST(LayerDecay, TwelveBlocks) {
  EXPECT_NEAR(LayerScale("patch_embed.proj.bias", 12, 0.75), 0.0238, 5e-5);
  EXPECT_NEAR(LayerScale("blocks.0.norm1.bias", 12, 0.75), 0.0317, 5e-5);
  EXPECT_NEAR(LayerScale("blocks.1.norm1.bias", 12, 0.75), std::pow(0.75, 11), 1e-15);
  EXPECT_NEAR(LayerScale("blocks.10.norm1.bias", 12, 0.75), std::pow(0.75, 2), 1e-15);
  EXPECT_EQ(LayerScale("blocks.11.mlp.fc2.weight", 12, 0.75), 0.75);
}

// A rate of 1 is today's update, bit for bit, for each parameter.
TEST(LayerDecay, NoDecayIsRateOne) {
  for (const char* name : {"cls_token", "patch_embed.proj.weight", "blocks.3.attn.qkv.bias",
                           "norm.weight", "head.bias"}) {
    EXPECT_EQ(LayerScale(name, 4, 1.0), 1.0) << name;
  }
}

TEST(LayerDecayDeathTest, ABlockBeyondTheDepthIsAMistake) {
  EXPECT_DEATH(LayerScale("blocks.12.norm1.bias", 12, 0.75), "block < depth");
  EXPECT_DEATH(LayerScale("blocks.x", 12, 0.75), "SimpleAtoi");
}

}  // namespace
}  // namespace models
