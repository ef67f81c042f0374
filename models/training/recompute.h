// --recompute: which values of a training step are made again for the gradient
// instead of being kept (graph/passes/recompute.cc), by the parts of the model.
#ifndef MODELS_TRAINING_RECOMPUTE_H_
#define MODELS_TRAINING_RECOMPUTE_H_

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace models {

// What PipelineOptions::recompute_segment takes, for one of:
//   none   nothing is made again; not set
//   mlp    norm2, fc1 and act of each block: the widest values, for a third of a
//          block's forward products
//   block  everything between the residual streams of two blocks
// Blocks are those of graph/ir/part.h with the parts of TransformerBlock; the sum that ends
// a block is always kept. Blocks that no gradient reads have nothing to make again. An unknown mode
// is an error that lists these.
absl::StatusOr<std::function<std::string(absl::string_view)>> RecomputeSegments(
    absl::string_view mode);

}  // namespace models

#endif  // MODELS_TRAINING_RECOMPUTE_H_
