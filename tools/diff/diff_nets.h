// Runs one net in two ways, or one way and a golden case, and compares every blob that both have.
#ifndef TOOLS_DIFF_DIFF_NETS_H_
#define TOOLS_DIFF_DIFF_NETS_H_

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "graph/compiler/compiler.h"
#include "tools/diff/blob_diff.h"
#include "tools/parity/golden_case.h"

namespace tools {

// How far two values may differ, as a share of the largest element.
//
// f32: sums of a few thousand products in another order differ by about 1e-6, and a net is some
// hundred such sums deep; 1e-4 leaves room for that and none for a wrong kernel.
//
// bf16: a stored value is off by up to 2^-9 = 0.2%, random in sign. The errors of some hundred
// roundings from the images to the first layer's gradient add up like a random walk: 10 · 0.2% = 2%
// of the largest element, and twice that in second moments, which are squares. Models of 4 to 12
// blocks came to 1.7% and 3.3%; the bound is 6%. Values stored as f32 but computed from bf16 have
// the same errors, so this bound holds for every float of a run below f32. It finds errors larger
// than rounding, not a scale of 1.01.
//
// Integers made of integers are equal. Those made of floats (argmax, counts of right answers) may
// flip at a tie: two of them, or 2% of their sum; below f32 25%. The same holds absolutely for
// shares of right answers (blobs called accuracy).
struct Bounds {
  double f32 = 1e-4;
  double low = 0.06;
  double counts_f32 = 0.02;
  double counts_low = 0.25;
};
// Fills in the rest of `diff`, whose blob, op, types and `integer` are set, from both values.
// `of_floats`: made from floats; `low`: something was computed below f32.
void Judge(const std::vector<double>& a, const std::vector<double>& b, const Bounds& bounds,
           bool of_floats, bool low, BlobDiff* diff);

// One way to run the net.
struct DiffSide {
  std::string name;  // "--a"
  graph::CompileOptions compile;
  bool low_precision = false;  // something is computed below f32
  // Sets parameters and inputs of the compiled net; both sides must get the same values.
  std::function<absl::Status(graph::Executable*)> feed;
};

struct DiffOptions {
  Bounds bounds;
  // All results of side a are kept while b runs; needing more than this is an error that asks for a
  // smaller batch.
  size_t most_bytes = size_t{4} << 30;
};

struct DiffReport {
  std::vector<BlobDiff> blobs;  // compared, in the order of b's net
  // Results that only one side has: fused away, pruned or added by a pass.
  std::vector<std::string> only_a, only_b;
  // Blobs of both with different shapes: a pass computes fewer rows.
  std::vector<std::string> reshaped;

  const BlobDiff* first_beyond() const;                   // nullptr: none
  std::vector<const BlobDiff*> Worst(size_t most) const;  // by error / bound
  int beyond() const;
};

// Compiles `net` twice, runs a, then b, and compares results as b produces them.
// FAILED_PRECONDITION if nothing could be compared; errors of compilation and running name the
// side.
absl::StatusOr<DiffReport> DiffNets(const graph::Net& net, const DiffSide& a, const DiffSide& b,
                                    const DiffOptions& options);

// Compares one way to run a golden case (b) with the case (a): outputs, gradients and their norms
// of one forward and backward pass, in the order in which the net computes them. check_parity
// checks the training steps that follow. `low_precision`: `compile` computes below f32.
absl::StatusOr<DiffReport> DiffGolden(const GoldenCase& golden,
                                      const graph::CompileOptions& compile, bool low_precision,
                                      const Bounds& bounds);

// The report for the screen: what was compared, the first blob beyond its bound and the worst ten;
// if there is none, "within bounds" and the worst one.
std::string ReportText(const DiffReport& report);

}  // namespace tools

#endif  // TOOLS_DIFF_DIFF_NETS_H_
