// Compares two values of one blob.
#ifndef TOOLS_DIFF_BLOB_DIFF_H_
#define TOOLS_DIFF_BLOB_DIFF_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "graph/base/types.h"

namespace tools {

// Elements by |a − b| / scale: exactly equal, below 1e-9, one bin a decade up to 1e-1..1, and
// everything above (including values that are finite on one side only).
constexpr int kErrorBins = 12;

struct BlobDiff {
  std::string blob;
  std::string op;  // "Linear 'blocks.0.mlp.fc1'"
  graph::TensorType type_a, type_b;
  bool integer = false;
  // Largest |a|, or 1 if a is zero; for integers the sum of |a|, at least 1.
  double scale = 0;
  double max_abs = 0;  // largest |a − b|; infinite if one side is not finite
  double error = 0;    // max_abs / scale; for integers the sum of |a − b| / scale
  double bound = 0;
  int64_t at = 0;  // element with the largest |a − b|
  double value_a = 0, value_b = 0;
  std::array<int64_t, kErrorBins> histogram = {};

  bool beyond() const { return !(error <= bound); }
};

// Fills in everything but blob, op, types and bound. Sizes must agree.
void Measure(const std::vector<double>& a, const std::vector<double>& b, BlobDiff* diff);

// "[2,0,17]" for element `at` of `type`.
std::string IndexString(const graph::TensorType& type, int64_t at);

// Location and size of the difference, in three lines, and the histogram as bars.
std::string Describe(const BlobDiff& diff);

}  // namespace tools

#endif  // TOOLS_DIFF_BLOB_DIFF_H_
