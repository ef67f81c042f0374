#include "tools/weights/timm_config.h"

#include <algorithm>

#include "gtest/gtest.h"
#include "models/data/augment.h"
#include "nlohmann/json.hpp"
#include "tools/plugins.h"

namespace tools {
namespace {

using Json = nlohmann::json;

TEST(TimmConfig, NamesTheShapesOfTheZoo) {
  const models::Zoo zoo = MakeZoo();
  const std::pair<const char*, const char*> names[] = {
      {"droppos_vits", "vit_small_patch16_224"},    {"droppos_vitb", "vit_base_patch16_224"},
      {"droppos_vitb_p32", "vit_base_patch32_224"}, {"droppos_vitl_d8", "vit_large_patch16_224"},
      {"droppos_vith", "vit_huge_patch14_224"},     {"droppos_tiny", "vit_small_patch16_224"}};
  for (const auto& [model, architecture] : names) {
    const Json config = Json::parse(TimmConfig(zoo.Find(model)->model, {}));
    EXPECT_EQ(config["architecture"], architecture) << model;
  }
}

TEST(TimmConfig, SpellsOutEverySize) {
  models::ModelConfig model;
  model.input_h = 96;
  model.input_w = 160;
  model.patch_size = 8;
  model.embed_dim = 48;
  model.depth = 3;
  model.num_heads = 4;
  model.mlp_ratio = 2.5;
  const Json config = Json::parse(TimmConfig(model, {}));
  EXPECT_EQ(config["model_args"], Json::parse(R"({
    "img_size": [96, 160], "patch_size": 8, "embed_dim": 48, "depth": 3, "num_heads": 4,
    "mlp_ratio": 2.5})"));
  EXPECT_EQ(config["num_features"], 48);
  EXPECT_EQ(config["num_classes"], 0);
  EXPECT_EQ(config["global_pool"], "token");
  const Json& input = config["pretrained_cfg"];
  EXPECT_EQ(input["input_size"], Json::parse("[3, 96, 160]"));
  EXPECT_EQ(input["mean"], Json::parse("[0.485, 0.456, 0.406]"));
  EXPECT_EQ(input["std"], Json::parse("[0.229, 0.224, 0.225]"));
  EXPECT_EQ(input["interpolation"], "bicubic");
  EXPECT_EQ(input["crop_pct"], 0.875);
  EXPECT_EQ(input["num_classes"], 0);
}

TEST(TimmConfig, NormalisesAsTheRunDid) {
  models::TransformOptions transform;
  transform.mean = {0.5, 0.25, 0};
  transform.std = {1, 0.5, 0.25};
  const Json input = Json::parse(TimmConfig({}, transform))["pretrained_cfg"];
  EXPECT_EQ(input["mean"], Json::parse("[0.5, 0.25, 0.0]"));
  EXPECT_EQ(input["std"], Json::parse("[1.0, 0.5, 0.25]"));
}

// As our evaluation: the margin around the crop ends above 224 pixels, of the longer side.
TEST(TimmConfig, CropsAsOurEvaluationDoes) {
  struct Case {
    int height, width;
    double share;
  };
  for (const Case& c : {Case{224, 224, 0.875},
                        {64, 64, 0.875},
                        {160, 224, 0.875},
                        {256, 256, 1},
                        {384, 384, 1},
                        {96, 256, 1},
                        {256, 96, 1}}) {
    models::ModelConfig model;
    model.input_h = c.height;
    model.input_w = c.width;
    const Json config = Json::parse(TimmConfig(model, {}));
    EXPECT_EQ(config["pretrained_cfg"]["crop_pct"], c.share) << c.height << "x" << c.width;
    // timm resizes to floor(size / crop_pct).
    const models::EvaluationGeometry plan = models::PlanEvaluation(1000, 1000, c.width, c.height);
    EXPECT_EQ(plan.resized_width, static_cast<int>(std::max(c.width, c.height) / c.share));
  }
}

// A head that is no ViT-B's shares its numbers but the heads.
TEST(TimmConfig, OtherHeadsAreAnotherShape) {
  models::ModelConfig model;
  EXPECT_EQ(Json::parse(TimmConfig(model, {}))["architecture"], "vit_base_patch16_224");
  model.num_heads = 6;
  const Json config = Json::parse(TimmConfig(model, {}));
  EXPECT_NE(config["architecture"], "vit_base_patch16_224");
  EXPECT_EQ(config["model_args"]["num_heads"], 6);
}

}  // namespace
}  // namespace tools
