// Own loops: the loss needs the row's log-sum-exp and argmax beside each other,
// which no oneDNN primitive gives. Exponentials are Eigen's vector ones.
#include <cmath>
#include <eigen3/Eigen/Core>

#include "backends/cpu/kernel_util.h"
#include "backends/cpu/kernels.h"

namespace backends::cpu {
namespace {

using ConstRow = Eigen::Map<const Eigen::ArrayXf>;

// The lowest index of the largest value.
int64_t ArgMax(const float* x, int64_t n) { return std::max_element(x, x + n) - x; }

absl::StatusOr<std::unique_ptr<graph::Kernel>> MakeLoss(const graph::KernelSpec& spec) {
  const int64_t rows = spec.in(1).elements();
  const int64_t classes = spec.in(0).cols();
  return MakeKernel(
      [=, threads = spec.threads](const graph::KernelArgs& args) {
        const float* logits = In<float>(args, 0);
        const int32_t* labels = In<int32_t>(args, 1);
        int32_t* correct = Out<int32_t>(args, 1);
        float* row_loss = static_cast<float*>(args.scratch);
        ParallelFor(threads, rows, classes, [=](int64_t r) {
          const float* row = logits + r * classes;
          const int64_t best = ArgMax(row, classes);
          const float sum = (ConstRow(row, classes) - row[best]).exp().sum();
          row_loss[r] = std::log(sum) + row[best] - row[labels[r]];
          correct[r] = best == labels[r];
        });
        double total = 0.0;
        for (int64_t r = 0; r < rows; ++r) total += row_loss[r];
        *Out<float>(args, 0) = static_cast<float>(total / static_cast<double>(rows));
      },
      rows * sizeof(float));
}

absl::StatusOr<std::unique_ptr<graph::Kernel>> MakeLossGrad(const graph::KernelSpec& spec) {
  const int64_t rows = spec.in(1).elements();
  const int64_t classes = spec.in(0).cols();
  return MakeKernel([=, threads = spec.threads](const graph::KernelArgs& args) {
    const float* logits = In<float>(args, 0);
    const int32_t* labels = In<int32_t>(args, 1);
    const float scale = *In<float>(args, 2) / static_cast<float>(rows);
    float* dlogits = Out<float>(args, 0);
    ParallelFor(threads, rows, classes, [=](int64_t r) {
      const ConstRow row(logits + r * classes, classes);
      Eigen::Map<Eigen::ArrayXf> grad(dlogits + r * classes, classes);
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
