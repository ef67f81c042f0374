// Parameters to and from safetensors files, under their official names.
#ifndef MODELS_TRAINING_CHECKPOINT_H_
#define MODELS_TRAINING_CHECKPOINT_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "graph/runtime/workspace.h"
#include "models/layers/model_builder.h"

namespace models {

// Writes every parameter (fixed ones such as pos_embed too) in its logical
// layout. `metadata` says what the file is: model, step, epoch, seed, flags.
absl::Status SaveParameters(const std::string& path, const std::vector<Parameter>& parameters,
                            const graph::Workspace& workspace,
                            const std::map<std::string, std::string>& metadata);

// Sets every parameter from the file, or none. Missing, unexpected and misshapen
// tensors are an error that lists all of them, except missing ones that
// `allow_missing` names (a full name, or a prefix ending in '*'); those keep
// their values. Returns one line that says what was loaded.
absl::StatusOr<std::string> LoadParameters(const std::string& path,
                                           const std::vector<Parameter>& parameters,
                                           const std::vector<std::string>& allow_missing,
                                           graph::Workspace* workspace);

}  // namespace models

#endif  // MODELS_TRAINING_CHECKPOINT_H_
