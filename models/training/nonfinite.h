// Where a NaN or infinity came from.
#ifndef MODELS_TRAINING_NONFINITE_H_
#define MODELS_TRAINING_NONFINITE_H_

#include "absl/status/status.h"
#include "graph/runtime/executable.h"

namespace models {

// Runs `executable` once more on the same inputs and state and describes the first operator
// whose output holds a value that is not finite: OUT_OF_RANGE with operator, blob, index and value,
// or, where that operator reads an input or a state that was bad before, naming that. The caller
// keeps the update from happening (kLossLimit). In an accumulation window the net has added to
// its accumulators already; operators of the forward pass come first, so what went wrong there is
// found all the same.
absl::Status DescribeNonFinite(graph::Executable* executable);

}  // namespace models

#endif  // MODELS_TRAINING_NONFINITE_H_
