// The models that can be named by --model.
#ifndef MODELS_ZOO_ZOO_H_
#define MODELS_ZOO_ZOO_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "models/layers/model.h"
#include "models/zoo/config.h"

namespace models {

// Entries in the order they were added, by explicit calls: models/vit, then the
// plugins' (tools/plugins.cc). Read-only and thread-safe afterwards.
class Zoo {
 public:
  // Aborts, naming it, when a name or alias is taken.
  void Add(ZooEntry entry);
  const std::vector<ZooEntry>& entries() const { return entries_; }
  // By name or alias. NOT_FOUND suggests the nearest name, if one is near.
  absl::StatusOr<ZooEntry> Find(absl::string_view name) const;

 private:
  std::vector<ZooEntry> entries_;
};

// Structure and recipe of the models made for the embedded data set: 64x64
// images, an 8x8 grid of patches, minutes on two cores.
ModelConfig TinyStructure();
RecipeConfig TinyRecipe();

}  // namespace models

#endif  // MODELS_ZOO_ZOO_H_
