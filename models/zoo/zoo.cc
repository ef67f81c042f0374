#include "models/zoo/zoo.h"

#include <cstdio>
#include <cstdlib>

#include "graph/base/status.h"
#include "models/zoo/edit_distance.h"

namespace models {

void Zoo::Add(ZooEntry entry) {
  std::vector<std::string> names = entry.aliases;
  names.push_back(entry.name);
  for (const std::string& name : names) {
    if (!Find(name).ok()) continue;
    std::fprintf(stderr, "two zoo entries are named '%s'\n", name.c_str());
    std::abort();
  }
  entries_.push_back(std::move(entry));
}

absl::StatusOr<ZooEntry> Zoo::Find(absl::string_view name) const {
  std::vector<std::string> names;
  for (const ZooEntry& entry : entries_) {
    if (entry.name == name) return entry;
    names.push_back(entry.name);
    for (const std::string& alias : entry.aliases) {
      if (alias == name) return entry;
      names.push_back(alias);
    }
  }
  return absl::NotFoundError(absl::StrCat("unknown model '", name, "'; did you mean '",
                                          Nearest(name, names),
                                          "'? --list_models shows all of them"));
}

ModelConfig TinyStructure() {
  ModelConfig model;
  model.input_h = model.input_w = 64;
  model.patch_size = 8;
  model.embed_dim = 128;
  model.depth = 4;
  model.num_heads = 4;
  model.decoder_embed_dim = 128;
  model.decoder_depth = 2;
  model.decoder_num_heads = 4;
  return model;
}

RecipeConfig TinyRecipe() {
  RecipeConfig recipe;
  recipe.epochs = 10;
  recipe.warmup_epochs = 0.5;
  recipe.blr = 8e-3;  // 2e-3 at a batch of 64
  recipe.batch_size = 64;
  recipe.published_effective_batch = 0;
  return recipe;
}

}  // namespace models
