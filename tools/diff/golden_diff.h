// Compares one way to run a golden case with the case.
#ifndef TOOLS_DIFF_GOLDEN_DIFF_H_
#define TOOLS_DIFF_GOLDEN_DIFF_H_

#include "absl/status/statusor.h"
#include "tools/diff/diff_nets.h"
#include "tools/parity/golden_case.h"

namespace tools {

// a is the case, b the replay: outputs, gradients and their norms of one forward and backward pass,
// in the order in which the net computes them. check_parity checks the training steps that follow.
// `low_precision`: `compile` computes below f32.
absl::StatusOr<DiffReport> DiffGolden(const GoldenCase& golden,
                                      const graph::CompileOptions& compile, bool low_precision,
                                      const Bounds& bounds);

}  // namespace tools

#endif  // TOOLS_DIFF_GOLDEN_DIFF_H_
