// The text of --list_models.
#ifndef TOOLS_LIST_MODELS_H_
#define TOOLS_LIST_MODELS_H_

#include <string>

#include "absl/status/statusor.h"
#include "graph/compiler/backend.h"
#include "graph/schema/schema.h"
#include "models/zoo/zoo.h"

namespace tools {

// A table: name, parameters, GFLOP an image as the banner of a run with the recipe's numbers says
// it, epochs, batch; below each what it is, and its other names, wrapped at `columns`.
absl::StatusOr<std::string> ListModels(const models::Zoo& zoo,
                                       const graph::SchemaRegistry& registry,
                                       const graph::Backend& backend, int columns);

}  // namespace tools

#endif  // TOOLS_LIST_MODELS_H_
