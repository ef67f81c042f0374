#include "models/vit/zoo_entries.h"

#include "models/vit/classifier.h"

namespace models {

void RegisterVitModels(Zoo* zoo) {
  ZooEntry tiny;
  tiny.name = "vit_tiny";
  tiny.summary = "plain ViT classifier for the embedded data set's classes";
  tiny.model = TinyStructure();
  tiny.recipe = TinyRecipe();
  tiny.needs.labels = true;
  tiny.make = [](const ZooEntry& entry, int num_classes) -> std::unique_ptr<Model> {
    return std::make_unique<VitClassifier>(entry.model, num_classes);
  };
  zoo->Add(std::move(tiny));
}

}  // namespace models
