// Own loops, because the loss needs a row's log-sum-exp and argmax together, which no
// oneDNN primitive gives. Exponentials are Eigen's, in vectors.
#include <cmath>
#include <eigen3/Eigen/Core>

#include "backends/cpu/kernel_util.h"

namespace backends::cpu {
namespace {

using ConstRow = Eigen::Map<const Eigen::ArrayXf>;

// The lowest index of the largest value.
int64_t ArgMax(const float* x, int64_t n) { return std::max_element(x, x + n) - x; }

// The number of scored rows, before any label is used as an index; not set if one is no class.
absl::optional<int64_t> CountScored(const graph::KernelArgs& args, int64_t rows, int64_t classes) {
  const int32_t* labels = In<int32_t>(args, 1);
  int64_t scored = 0;
  for (int64_t r = 0; r < rows; ++r) {
    if (labels[r] >= classes) {
      args.ReportOutOfRange(1, r, labels[r], -graph::kNoBound, static_cast<double>(classes));
      return {};
    }
    scored += labels[r] >= 0;
  }
  return scored;
}

std::unique_ptr<graph::Kernel> MakeLoss(const graph::KernelSpec& spec) {
  const int64_t rows = spec.in(1).elements(), classes = spec.in(0).cols();
  return MakeKernel(
      [=, threads = spec.threads](const graph::KernelArgs& args) {
        const absl::optional<int64_t> scored = CountScored(args, rows, classes);
        if (!scored.has_value()) return;
        const float* logits = In<float>(args, 0);
        const int32_t* labels = In<int32_t>(args, 1);
        int32_t* correct = Out<int32_t>(args, 1);
        float* row_loss = static_cast<float*>(args.scratch);
        ParallelFor(threads, rows, classes, [=](int64_t r) {
          row_loss[r] = 0.0f;
          correct[r] = 0;
          if (labels[r] < 0) return;
          const float* row = logits + r * classes;
          const int64_t best = ArgMax(row, classes);
          const float sum = (ConstRow(row, classes) - row[best]).exp().sum();
          row_loss[r] = std::log(sum) + row[best] - row[labels[r]];
          correct[r] = best == labels[r];
        });
        double total = 0.0;
        for (int64_t r = 0; r < rows; ++r) total += row_loss[r];
        *Out<float>(args, 0) =
            *scored == 0 ? 0.0f : static_cast<float>(total / static_cast<double>(*scored));
      },
      rows * sizeof(float));
}

std::unique_ptr<graph::Kernel> MakeLossGrad(const graph::KernelSpec& spec) {
  const int64_t rows = spec.in(1).elements(), classes = spec.in(0).cols();
  return MakeKernel([=, threads = spec.threads](const graph::KernelArgs& args) {
    const absl::optional<int64_t> scored = CountScored(args, rows, classes);
    if (!scored.has_value()) return;
    const float* logits = In<float>(args, 0);
    const int32_t* labels = In<int32_t>(args, 1);
    // Unused if no row is scored.
    const float scale = *In<float>(args, 2) / static_cast<float>(std::max<int64_t>(*scored, 1));
    float* dlogits = Out<float>(args, 0);
    ParallelFor(threads, rows, classes, [=](int64_t r) {
      Eigen::Map<Eigen::ArrayXf> grad(dlogits + r * classes, classes);
      if (labels[r] < 0) {
        grad.setZero();
        return;
      }
      const ConstRow row(logits + r * classes, classes);
      grad = (row - row.maxCoeff()).exp();
      grad *= scale / grad.sum();
      grad[labels[r]] -= scale;
    });
  });
}

}  // namespace

void RegisterSoftmaxCrossEntropy(graph::KernelTable* table) {
  AddFloat32(table, "SoftmaxCrossEntropy", MakeLoss);
  AddFloat32(table, "SoftmaxCrossEntropyGrad", MakeLossGrad);
}

}  // namespace backends::cpu
