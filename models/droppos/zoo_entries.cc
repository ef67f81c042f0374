#include "models/droppos/zoo_entries.h"

#include <memory>

#include "models/droppos/droppos.h"
#include "models/droppos/mae.h"

namespace models {
namespace {

// One row of the official table (end of models_DropPos_mae.py) and its recipe
// (PRETRAIN.md; scripts/pretrain_large.sh warms up for 40 epochs).
struct Row {
  const char* name;
  std::vector<std::string> aliases;
  const char* summary;
  int patch, dim, depth, heads, decoder_depth;
  double warmup_epochs;
};

// What drop_pos_type says, which a flag may have changed.
std::unique_ptr<Model> MakePretraining(const ZooEntry& entry, int) {
  const DropPosConfig& config = DropPosOf(entry);
  if (config.vanilla_mae()) return std::make_unique<MaskedAutoencoder>(entry.model, config);
  return std::make_unique<DropPos>(entry.model, config);
}

ZooEntry MakeEntry(const Row& row, const std::string& alias_prefix) {
  ZooEntry entry;
  entry.name = row.name;
  for (const std::string& alias : row.aliases) entry.aliases.push_back(alias_prefix + alias);
  entry.summary = row.summary;
  entry.model.patch_size = row.patch;
  entry.model.embed_dim = row.dim;
  entry.model.depth = row.depth;
  entry.model.num_heads = row.heads;
  entry.model.decoder_depth = row.decoder_depth;
  entry.recipe.warmup_epochs = row.warmup_epochs;
  entry.options = std::make_shared<DropPosConfig>();
  entry.make = MakePretraining;
  return entry;
}

// The official table of models_mae.py. Warm-up, rate and batch are the MAE paper's
// (appendix A.1); clipping is that of main_pretrain.py, which trains both.
void RegisterMaeModels(Zoo* zoo) {
  // clang-format off
  const Row rows[] = {
      {"mae_vits", {"small_patch16_dec512d2b"}, "MAE, ViT-S/16", 16, 384, 12, 6, 2, 40},
      {"mae_vitb", {"base_patch16_dec512d8b", "base_patch16"}, "MAE, ViT-B/16",
       16, 768, 12, 12, 8, 40},
      {"mae_vitb_d2", {"base_patch16_dec512d2b"}, "MAE, ViT-B/16, 2 decoder blocks",
       16, 768, 12, 12, 2, 40},
      {"mae_vitl", {"large_patch16_dec512d8b", "large_patch16"}, "MAE, ViT-L/16",
       16, 1024, 24, 16, 8, 40},
      {"mae_vith", {"huge_patch14_dec512d8b", "huge_patch14"}, "MAE, ViT-H/14",
       14, 1280, 32, 16, 8, 40},
      {"mae_vitb_dec128", {"base_patch16_dec128d4b"}, "MAE, ViT-B/16, decoder 128 wide, 4 blocks",
       16, 768, 12, 12, 4, 40},
  };
  // clang-format on
  const auto options = std::make_shared<DropPosConfig>();
  options->drop_pos_type = "vanilla_mae";
  for (const Row& row : rows) {
    ZooEntry entry = MakeEntry(row, "mae_vit_");
    entry.options = options;
    entry.recipe.published_effective_batch = 4096;
    if (entry.name == "mae_vitb_dec128") entry.model.decoder_embed_dim = 128;
    zoo->Add(std::move(entry));
  }
}

}  // namespace

void RegisterDropPosModels(Zoo* zoo) {
  ZooEntry tiny;
  tiny.name = "droppos_tiny";
  tiny.summary = "for the embedded data set: 64 px, 8x8 patches, minutes on two cores";
  tiny.model = TinyStructure();
  tiny.recipe = TinyRecipe();
  tiny.options = std::make_shared<DropPosConfig>();
  tiny.make = MakePretraining;
  zoo->Add(std::move(tiny));

  // clang-format off
  const Row rows[] = {
      {"droppos_vits", {"small_patch16_dec512d2b"}, "ViT-S/16", 16, 384, 12, 6, 2, 10},
      {"droppos_vits_d8", {"small_patch16_dec512d8b"}, "ViT-S/16, 8 decoder blocks",
       16, 384, 12, 6, 8, 10},
      {"droppos_vitb", {"base_patch16_dec512d2b"}, "ViT-B/16: 83.0% after 200 epochs, 84.2% after 800 (paper)",
       16, 768, 12, 12, 2, 10},
      {"droppos_vitb_d8", {"base_patch16_dec512d8b", "base_patch16"}, "ViT-B/16, 8 decoder blocks",
       16, 768, 12, 12, 8, 10},
      {"droppos_vitb_p32", {"base_patch32_dec512d2b"}, "ViT-B/32", 32, 768, 12, 12, 2, 10},
      {"droppos_vitl", {"large_patch16_dec512d2b"}, "ViT-L/16: 85.8% after 800 epochs (paper)",
       16, 1024, 24, 16, 2, 40},
      {"droppos_vitl_d8", {"large_patch16_dec512d8b", "large_patch16"}, "ViT-L/16, 8 decoder blocks",
       16, 1024, 24, 16, 8, 40},
      {"droppos_vith", {"huge_patch14_dec512d8b", "huge_patch14"}, "ViT-H/14, 8 decoder blocks",
       14, 1280, 32, 16, 8, 40},
  };
  // clang-format on
  for (const Row& row : rows) zoo->Add(MakeEntry(row, "DropPos_mae_vit_"));
  RegisterMaeModels(zoo);
}

}  // namespace models
