// How far a backend may be from the reference backend, with reasons.
#ifndef TESTS_HARNESS_TOLERANCE_H_
#define TESTS_HARNESS_TOLERANCE_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "graph/base/types.h"

namespace harness {

// Bound on max|a - b| / max(max|b|, 1e-6) over one output, b the reference's.
// Integer outputs must be equal and have no entry.
struct Tolerance {
  double bound;
  const char* reason;
};

Tolerance ToleranceFor(absl::string_view backend, absl::string_view op_type, graph::DType dtype);

// Bound on |Σ(a - b)·sign(b)| / Σ|b| over a bf16 output, or a part of one, of at least
// kBiasElements elements: roundings average out, a wrong factor does not. Largest seen: 4.4e-5.
// Planted faults: 4.5e-3 with GELU's derivative times 1.004, 1e-2 with the gradients of
// attention's keys times 1.01.
constexpr double kBiasBound = 1e-3;
constexpr int64_t kBiasElements = 1000;

// Bound on |analytic - numeric| / max(max|numeric|, 1e-3) of a gradient, both
// in double; central differences with kGradientStep lose about ten digits.
constexpr double kGradientStep = 1e-5;
constexpr double kGradientBound = 1e-6;

}  // namespace harness

#endif  // TESTS_HARNESS_TOLERANCE_H_
