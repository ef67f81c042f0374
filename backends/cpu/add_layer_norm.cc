// One pass over memory: a row's sum, statistics and normalised values while the
// row is in the first-level cache. `sum` may lie over a or b.
#include <cmath>
#include <eigen3/Eigen/Core>

#include "backends/cpu/kernel_util.h"
#include "backends/cpu/kernels.h"

namespace backends::cpu {
namespace {

using Row = Eigen::Map<Eigen::ArrayXf>;
using ConstRow = Eigen::Map<const Eigen::ArrayXf>;

absl::StatusOr<std::unique_ptr<graph::Kernel>> MakeAddLayerNorm(const graph::KernelSpec& spec) {
  return MakeKernel([rows = spec.in(0).rows(), cols = spec.in(0).cols(),
                     eps = spec.op->Float("eps"),
                     threads = spec.threads](const graph::KernelArgs& args) {
    const ConstRow gamma(In<float>(args, 2), cols);
    const ConstRow beta(In<float>(args, 3), cols);
    ParallelFor(threads, rows, cols, [&](int64_t r) {
      Row sum(Out<float>(args, 0) + r * cols, cols);
      sum = ConstRow(In<float>(args, 0) + r * cols, cols) +
            ConstRow(In<float>(args, 1) + r * cols, cols);
      const float mean = sum.mean();
      const float variance = (sum - mean).square().mean();
      Row(Out<float>(args, 1) + r * cols, cols) =
          (sum - mean) * (1.0f / std::sqrt(variance + eps)) * gamma + beta;
      Out<float>(args, 2)[r] = mean;
      Out<float>(args, 3)[r] = variance;
    });
  });
}

}  // namespace

void RegisterAddLayerNorm(graph::KernelTable* table) {
  AddFloat32(table, "AddLayerNorm", MakeAddLayerNorm);
}

}  // namespace backends::cpu
