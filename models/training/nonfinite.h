// Where a NaN or infinity came from.
#ifndef MODELS_TRAINING_NONFINITE_H_
#define MODELS_TRAINING_NONFINITE_H_

#include "absl/status/status.h"
#include "graph/runtime/executable.h"

namespace models {

// Runs `executable` once more on the same inputs and state and describes the
// first operator whose output holds a value that is not finite: OUT_OF_RANGE with
// operator, blob, index and value. An input or state that is already not finite
// is named instead.
absl::Status DescribeNonFinite(graph::Executable* executable);

}  // namespace models

#endif  // MODELS_TRAINING_NONFINITE_H_
