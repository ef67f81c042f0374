#include "models/vit/zoo_entries.h"

#include <memory>
#include <utility>

#include "models/vit/classifier.h"

namespace models {
namespace {

// A size of ViT and how the official code fine-tunes it (FINETUNE.md, scripts/finetune_*.sh).
struct Row {
  const char* name;
  const char* alias;
  const char* summary;
  int patch, dim, depth, heads, epochs;
};

std::unique_ptr<Model> MakeClassifier(const ZooEntry& entry, int num_classes) {
  return std::make_unique<VitClassifier>(entry.model, num_classes, *FindVit(entry));
}

ZooEntry Classifier(const char* name, const char* summary, const VitConfig& options) {
  ZooEntry entry;
  entry.name = name;
  entry.summary = summary;
  entry.needs.labels = true;
  entry.recipe.beta2 = 0.999;
  entry.recipe.clip_grad = 0;
  entry.recipe.clip_global = true;
  entry.options = std::make_shared<VitConfig>(options);
  entry.make = MakeClassifier;
  return entry;
}

}  // namespace

void RegisterVitModels(Zoo* zoo) {
  // clang-format off
  const Row rows[] = {
      {"vits", "vit_small_patch16", "ViT-S/16 classifier", 16, 384, 12, 6, 100},
      {"vitb", "vit_base_patch16", "ViT-B/16 classifier", 16, 768, 12, 12, 100},
      {"vitl", "vit_large_patch16", "ViT-L/16 classifier", 16, 1024, 24, 16, 50},
      {"vith", "vit_huge_patch14", "ViT-H/14 classifier", 14, 1280, 32, 16, 50},
  };
  // clang-format on
  VitConfig options;
  options.cls_token = false;
  options.layer_decay = 0.75;
  options.smoothing = 0.1;
  options.head_deviation = 2e-5;
  // Mixing and drop path are for long training of large nets; the small one has minutes.
  ZooEntry tiny = Classifier("vit_tiny", "classifier for the embedded data set's classes", options);
  options.drop_path = 0.1;
  options.mixup = 0.8;
  options.cutmix = 1;
  for (const Row& row : rows) {
    ZooEntry entry = Classifier(row.name, row.summary, options);
    entry.aliases = {row.alias};
    entry.model.patch_size = row.patch;
    entry.model.embed_dim = row.dim;
    entry.model.depth = row.depth;
    entry.model.num_heads = row.heads;
    entry.recipe.epochs = row.epochs;
    entry.recipe.warmup_epochs = 5;
    entry.recipe.blr = 1e-3;
    entry.recipe.min_lr = 1e-6;
    entry.recipe.batch_size = 32;
    entry.recipe.published_effective_batch = 1024;
    zoo->Add(std::move(entry));
  }
  tiny.model = TinyStructure();
  const RecipeConfig recipe = TinyRecipe();
  tiny.recipe.epochs = recipe.epochs;
  tiny.recipe.warmup_epochs = recipe.warmup_epochs;
  tiny.recipe.blr = recipe.blr;
  tiny.recipe.batch_size = recipe.batch_size;
  tiny.recipe.published_effective_batch = 0;
  zoo->Add(std::move(tiny));
}

}  // namespace models
