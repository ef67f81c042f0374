// Measures how fast this machine multiplies matrices, for //tools:bench to compare with. Shares
// nothing with the backends, so that a slow kernel of ours cannot shorten the yardstick.
#ifndef TOOLS_BENCHMARK_ROOFLINE_H_
#define TOOLS_BENCHMARK_ROOFLINE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "graph/base/types.h"
#include "models/layers/official_step.h"

namespace tools {

// (m, k) · (k, n), `times` in a step.
struct Gemm {
  int64_t m = 0;
  int64_t k = 0;
  int64_t n = 0;
  int64_t times = 1;
  // The product is a weight's gradient: aᵀ·b of two matrices with k rows.
  bool weight_gradient = false;

  double flops() const {
    return 2.0 * static_cast<double>(m) * static_cast<double>(k) * static_cast<double>(n);
  }
};

// All products of a published step (models/layers/official_step.h) of `batch` images, each shape
// once. The sum of times · flops() is batch · net.linear.
std::vector<Gemm> StepGemms(const models::OfficialNet& net, int64_t batch);

// GFLOP/s of all products together: their FLOPs over the sum of their best times. Runs each product
// with oneDNN's matmul on `threads` threads: every operand in the layout that oneDNN prefers
// (format_tag::any), normally distributed numbers, best of `runs` runs after one to warm up. Of the
// ways to express the same product the fastest counts: a result in bf16 or in f32, and a weight's
// gradient as aᵀ·b or as its transpose. `dtype` is kF32 or kBF16. UNIMPLEMENTED if oneDNN has no
// such matmul on this CPU.
absl::StatusOr<double> MeasureRoofline(absl::Span<const Gemm> gemms, graph::DType dtype,
                                       int threads, int runs);

// oneDNN's name for the instructions it uses here ("avx512_core_amx"), which respects
// ONEDNN_MAX_CPU_ISA; how freely it may round f32 ("strict", or the value of
// ONEDNN_DEFAULT_FPMATH_MODE: "bf16"); and its version ("3.2.0").
std::string OneDnnIsa();
std::string OneDnnMathMode();
std::string OneDnnRelease();

}  // namespace tools

#endif  // TOOLS_BENCHMARK_ROOFLINE_H_
