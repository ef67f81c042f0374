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

struct LoadOptions {
  // Tensors that may be missing or unexpected: full names, or prefixes ending in '*'.
  std::vector<std::string> allow;
  // Tensors that the net has no use for are fine: what a tool that runs the
  // encoder alone reads.
  bool subset = false;
};

// Sets every parameter from the file, or none. Missing, unexpected and misshapen
// tensors are an error that lists all of them, but for those that the options
// allow; missing ones then keep their values. Returns one line that says what
// was loaded.
absl::StatusOr<std::string> LoadParameters(const std::string& path,
                                           const std::vector<Parameter>& parameters,
                                           const LoadOptions& options,
                                           graph::Workspace* workspace);

}  // namespace models

#endif  // MODELS_TRAINING_CHECKPOINT_H_
