#include "models/zoo/zoo.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/droppos/droppos_config.h"
#include "models/zoo/edit_distance.h"
#include "tools/plugins.h"

namespace models {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

struct Row {
  const char* name;
  const char* official;
  int patch, dim, depth, heads, decoder_depth, warmup;
};

// The end of models_DropPos_mae.py, and the published recipe.
TEST(Zoo, StructuresAndRecipesAreThePublishedOnes) {
  const Zoo zoo = tools::MakeZoo();
  const Row rows[] = {
      {"droppos_vits", "small_patch16_dec512d2b", 16, 384, 12, 6, 2, 10},
      {"droppos_vits_d8", "small_patch16_dec512d8b", 16, 384, 12, 6, 8, 10},
      {"droppos_vitb", "base_patch16_dec512d2b", 16, 768, 12, 12, 2, 10},
      {"droppos_vitb_d8", "base_patch16_dec512d8b", 16, 768, 12, 12, 8, 10},
      {"droppos_vitb_d8", "base_patch16", 16, 768, 12, 12, 8, 10},
      {"droppos_vitb_p32", "base_patch32_dec512d2b", 32, 768, 12, 12, 2, 10},
      {"droppos_vitl", "large_patch16_dec512d2b", 16, 1024, 24, 16, 2, 40},
      {"droppos_vitl_d8", "large_patch16_dec512d8b", 16, 1024, 24, 16, 8, 40},
      {"droppos_vitl_d8", "large_patch16", 16, 1024, 24, 16, 8, 40},
      {"droppos_vith", "huge_patch14_dec512d8b", 14, 1280, 32, 16, 8, 40},
      {"droppos_vith", "huge_patch14", 14, 1280, 32, 16, 8, 40},
  };
  for (const Row& row : rows) {
    const auto entry = zoo.Find(row.name);
    ASSERT_TRUE(entry.ok()) << entry.status();
    const auto alias = zoo.Find(std::string("DropPos_mae_vit_") + row.official);
    ASSERT_TRUE(alias.ok()) << alias.status();
    EXPECT_EQ(alias->name, row.name);
    EXPECT_EQ(entry->model.input_h, 224);
    EXPECT_EQ(entry->model.patch_size, row.patch);
    EXPECT_EQ(entry->model.embed_dim, row.dim);
    EXPECT_EQ(entry->model.depth, row.depth);
    EXPECT_EQ(entry->model.num_heads, row.heads);
    EXPECT_EQ(entry->model.decoder_embed_dim, 512);
    EXPECT_EQ(entry->model.decoder_depth, row.decoder_depth);
    EXPECT_EQ(entry->model.decoder_num_heads, 16);
    EXPECT_EQ(entry->model.mlp_ratio, 4);
    const DropPosConfig& droppos = DropPosOf(*entry);
    EXPECT_EQ(droppos.mask_ratio, 0.75);
    EXPECT_EQ(droppos.pos_mask_ratio, 0.75);
    EXPECT_EQ(droppos.label_smoothing_sigma, 1);
    EXPECT_TRUE(droppos.sigma_decay);
    EXPECT_TRUE(droppos.attn_guide);
    EXPECT_EQ(entry->recipe.warmup_epochs, row.warmup);
    EXPECT_EQ(entry->recipe.epochs, 800);
    EXPECT_EQ(entry->recipe.blr, 1.5e-4);
    EXPECT_EQ(entry->recipe.weight_decay, 0.05);
    EXPECT_EQ(entry->recipe.beta1, 0.9);
    EXPECT_EQ(entry->recipe.beta2, 0.95);
    EXPECT_EQ(entry->recipe.clip_grad, 5);
    EXPECT_FALSE(entry->recipe.clip_global);
    EXPECT_EQ(entry->recipe.batch_size, 64);
    EXPECT_EQ(entry->recipe.published_effective_batch, 2048);
  }
}

TEST(Zoo, EveryEntryIsPossible) {
  const Zoo zoo = tools::MakeZoo();
  EXPECT_GE(zoo.entries().size(), 10u);
  for (const ZooEntry& entry : zoo.entries()) {
    EXPECT_TRUE(Validate(entry.model).ok()) << entry.name;
    if (entry.options != nullptr) {
      EXPECT_TRUE(entry.options->Clone()->Resolve(entry.model, {}).ok()) << entry.name;
    }
    EXPECT_TRUE(Validate(entry.recipe).ok()) << entry.name;
    EXPECT_NE(entry.make(entry, 10), nullptr) << entry.name;
    EXPECT_FALSE(entry.summary.empty()) << entry.name;
  }
}

TEST(Zoo, AnUnknownNameSuggestsTheNearest) {
  const Zoo zoo = tools::PretrainingZoo();
  const auto error = [&](const std::string& name) {
    const auto entry = zoo.Find(name);
    EXPECT_FALSE(entry.ok()) << name;
    return std::string(entry.status().message());
  };
  EXPECT_EQ(error("droppos_vitbb"),
            "unknown model 'droppos_vitbb'; did you mean droppos_vitb? --list_models shows all of "
            "them");
  const struct {
    const char* typed;
    const char* meant;
  } cases[] = {{"droppos_base", "droppos_vitb"},
               {"droppos_vit_base", "droppos_vitb"},
               {"DropPos-B/16", "droppos_vitb"},
               {"vit_base", "droppos_vitb"},
               {"vitb", "droppos_vitb"},
               {"vit_b_16", "droppos_vitb"},
               {"ViT-B/16", "droppos_vitb"},
               {"vit_base_patch16_224", "droppos_vitb"},
               {"vit_base_patch32_224", "droppos_vitb_p32"},
               {"vit_l_16", "droppos_vitl"},
               {"droppos_small", "droppos_vits"},
               {"droppos_huge", "droppos_vith"},
               {"droppos", "droppos_tiny"},
               {"mae_base", "mae_vitb"},
               {"mae_large", "mae_vitl"},
               {"base", "droppos_vitb"},
               {"dropos_vitl", "droppos_vitl"},
               {"mae_vit_base_patch16_dec512d4b", "mae_vit_base_patch16_dec512d8b"}};
  for (const auto& c : cases) {
    EXPECT_THAT(error(c.typed), HasSubstr("; did you mean " + std::string(c.meant) + "? "))
        << c.typed;
  }
  for (const char* far : {"resnet50", "swin_base", "vit_giant", "x", "", "_"}) {
    EXPECT_EQ(error(far),
              "unknown model '" + std::string(far) + "'; --list_models shows all of them");
  }
}

TEST(ZooDeathTest, ATakenNameAborts) {
  Zoo zoo = tools::MakeZoo();
  EXPECT_DEATH(zoo.Add(*zoo.Find("droppos_vitb")), "droppos_vitb|DropPos_mae_vit_base");
}

TEST(EditDistance, CountsEdits) {
  EXPECT_EQ(EditDistance("", ""), 0);
  EXPECT_EQ(EditDistance("kitten", "sitting"), 3);
  EXPECT_EQ(EditDistance("abc", ""), 3);
  EXPECT_EQ(Nearest("mask_ration", {"pos_mask_ratio", "mask_ratio"}), "mask_ratio");
  EXPECT_EQ(Nearest("x", {}), "");
}

TEST(EditDistance, NothingIsNearestBeyondADistance) {
  EXPECT_EQ(Nearest("lrr", {"lr"}), "lr");
  EXPECT_EQ(Nearest("modle", {"model"}), "model");
  EXPECT_EQ(Nearest("xyz", {"lr", "seed"}), "");
  EXPECT_EQ(Nearest("amp", {"lr", "keep"}), "");
  EXPECT_EQ(Nearest("dat", {"lat", "data_path"}), "data_path");  // as it begins
  EXPECT_EQ(Nearest("mask", {"mask_token_type", "mask_ratio"}), "mask_ratio");
  EXPECT_EQ(DidYouMean(""), "");
  EXPECT_EQ(DidYouMean("lr"), "did you mean lr? ");
}

TEST(Validate, NamesFlagsAndValues) {
  const auto error = [](const ModelConfig& model) {
    return std::string(Validate(model).message());
  };
  const ModelConfig good;
  EXPECT_EQ(error(good), "");
  ModelConfig bad = good;
  bad.input_w = 225;
  EXPECT_THAT(error(bad), AllOf(HasSubstr("--input_size=225"), HasSubstr("224")));
  bad = good;
  bad.num_heads = 7;
  EXPECT_THAT(error(bad), AllOf(HasSubstr("--embed_dim=768"), HasSubstr("--num_heads=7")));
  bad = good;
  bad.decoder_num_heads = 0;
  EXPECT_THAT(error(bad), HasSubstr("--decoder_num_heads=0"));
  bad = good;
  bad.embed_dim = 766;
  bad.num_heads = 2;
  EXPECT_THAT(error(bad), HasSubstr("divisible by 4"));
  bad = good;
  bad.embed_dim = 2000000000;
  EXPECT_THAT(error(bad), HasSubstr("--embed_dim=2000000000"));
  RecipeConfig recipe;
  recipe.warmup_epochs = 800;
  EXPECT_THAT(std::string(Validate(recipe).message()), HasSubstr("--warmup_epochs=800"));
}

}  // namespace
}  // namespace models
