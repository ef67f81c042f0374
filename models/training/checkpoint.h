// Parameters to and from safetensors files, under their official names. timm's Vision Transformers
// use the same names for an encoder's tensors, so their files can be read directly.
#ifndef MODELS_TRAINING_CHECKPOINT_H_
#define MODELS_TRAINING_CHECKPOINT_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "graph/runtime/workspace.h"
#include "models/layers/model_builder.h"
#include "models/training/safetensors.h"

namespace models {

// Every parameter (fixed ones such as pos_embed too) in its logical layout, in the workspace's
// memory. `metadata` says what a file of them is: model, step, epoch, seed, flags. Adds the grid of
// pos_embed as grid=HxW, because a table does not show it.
struct NamedTensors {
  TensorMap tensors;
  TensorMetadata metadata;
};
absl::StatusOr<NamedTensors> ParameterTensors(const std::vector<Parameter>& parameters,
                                              const graph::Workspace& workspace,
                                              const std::map<std::string, std::string>& metadata);

// Writes ParameterTensors() to `path`.
absl::Status SaveParameters(const std::string& path, const std::vector<Parameter>& parameters,
                            const graph::Workspace& workspace,
                            const std::map<std::string, std::string>& metadata);

struct LoadOptions {
  // Tensors that may be missing, unexpected, misshapen or of another type: full names, or prefixes
  // ending in '*'.
  std::vector<std::string> allow;
  // Accept tensors that the net does not use, for tools that run the encoder alone.
  bool subset = false;
  // Errors are one line with the number of tensors that do not fit and the first of each kind, for
  // tools where the model is given and nothing can be allowed.
  bool brief = false;
  // Say nothing of patterns in `allow` that nothing needed.
  bool allow_silently = false;
};

// Sets every parameter from the file, reading into its place. Missing, unexpected and misshapen
// tensors and those of another type are an error that lists all of them, unless the options allow
// them; a parameter without a fitting tensor then keeps its value. The header decides this before
// any parameter is set; only if the file cannot be read to its end are some set and others not.
// Returns one line that says what was loaded, converted, resized, kept and left out.
//
// f32 parameters are also read from f64 (rounded), bf16 and f16.
//
// Position tables (parameters that start as sincos2d: pos_embed and those of the decoders) of
// another grid are resized as the official interpolate_pos_embed does (position_table.h). The
// file's grid is `grid` in its metadata; without that, a table with the parameter's number of rows
// has the parameter's grid, and any other is square.
absl::StatusOr<std::string> LoadParameters(const std::string& path,
                                           const std::vector<Parameter>& parameters,
                                           const LoadOptions& options, graph::Workspace* workspace);

}  // namespace models

#endif  // MODELS_TRAINING_CHECKPOINT_H_
