// Finds where a NaN or infinity came from.
#ifndef MODELS_TRAINING_NONFINITE_H_
#define MODELS_TRAINING_NONFINITE_H_

#include "absl/status/status.h"
#include "graph/runtime/executable.h"

namespace models {

// Runs `executable` once more on the same inputs and state and describes the first operator whose
// output holds a value that is not finite: OUT_OF_RANGE with operator, blob, index and value. If
// that operator reads an input or a state that was not finite before, the error names that instead.
// The caller prevents the update (kLossLimit). In an accumulation window the net has already added
// to its accumulators; what went wrong in the forward pass is found first nevertheless.
absl::Status DescribeNonFinite(graph::Executable* executable);

}  // namespace models

#endif  // MODELS_TRAINING_NONFINITE_H_
