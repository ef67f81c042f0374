// The text of --list_models.
#ifndef TOOLS_LIST_MODELS_H_
#define TOOLS_LIST_MODELS_H_

#include <string>

#include "absl/status/statusor.h"
#include "graph/schema/schema.h"
#include "models/zoo/zoo.h"

namespace tools {

// What a model costs, counted in its nets.
struct ModelCost {
  int64_t parameters = 0;      // trainable elements
  double flops_per_image = 0;  // one training step at the recipe's batch size, per image
};
absl::StatusOr<ModelCost> CountModel(const models::ZooEntry& entry,
                                     const graph::SchemaRegistry& registry);

// A table: name, parameters, GFLOP per image, epochs, batch, description; aliases below each.
absl::StatusOr<std::string> ListModels(const models::Zoo& zoo,
                                       const graph::SchemaRegistry& registry);

}  // namespace tools

#endif  // TOOLS_LIST_MODELS_H_
