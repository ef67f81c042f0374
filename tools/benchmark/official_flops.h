// The matrix products of a published training step (models/layers/official_step.h), for the
// roofline of //tools:bench.
#ifndef TOOLS_BENCHMARK_OFFICIAL_FLOPS_H_
#define TOOLS_BENCHMARK_OFFICIAL_FLOPS_H_

#include <cstdint>
#include <vector>

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

// All products of `net.linears` in a step of `batch` images, each shape once. The sum of
// times · flops() is batch · net.linear.
std::vector<Gemm> StepGemms(const models::OfficialNet& net, int64_t batch);

}  // namespace tools

#endif  // TOOLS_BENCHMARK_OFFICIAL_FLOPS_H_
