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

// Shared by both kernels: sizes, and the check of labels before any is used as an index.
class LabelledKernel : public graph::Kernel {
 public:
  explicit LabelledKernel(const graph::KernelSpec& spec)
      : rows_(spec.in(1).elements()), classes_(spec.in(0).cols()), threads_(spec.threads) {}

 protected:
  // The number of scored rows; not set if a label is no class.
  absl::optional<int64_t> CountScored() const {
    const int32_t* labels = in<int32_t>(1);
    int64_t scored = 0;
    for (int64_t r = 0; r < rows_; ++r) {
      if (labels[r] >= classes_) {
        args().ReportOutOfRange(1, r, labels[r], -graph::kNoBound, static_cast<double>(classes_));
        return {};
      }
      scored += labels[r] >= 0;
    }
    return scored;
  }

  const int64_t rows_;
  const int64_t classes_;
  const int threads_;
};

class LossKernel final : public LabelledKernel {
 public:
  using LabelledKernel::LabelledKernel;

  size_t scratch_bytes() const override { return rows_ * sizeof(float); }
  absl::Status Run() override {
    const absl::optional<int64_t> scored = CountScored();
    if (!scored.has_value()) return absl::OkStatus();
    const float* logits = in<float>(0);
    const int32_t* labels = in<int32_t>(1);
    int32_t* correct = out<int32_t>(1);
    float* row_loss = static_cast<float*>(scratch());
    ParallelFor(threads_, rows_, classes_, [=, classes = classes_](int64_t r) {
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
    for (int64_t r = 0; r < rows_; ++r) total += row_loss[r];
    *out<float>(0) = *scored == 0 ? 0.0f : static_cast<float>(total / static_cast<double>(*scored));
    return absl::OkStatus();
  }
};

class LossGradKernel final : public LabelledKernel {
 public:
  using LabelledKernel::LabelledKernel;

  absl::Status Run() override {
    const absl::optional<int64_t> scored = CountScored();
    if (!scored.has_value()) return absl::OkStatus();
    const float* logits = in<float>(0);
    const int32_t* labels = in<int32_t>(1);
    // Unused if no row is scored.
    const float scale = *in<float>(2) / static_cast<float>(std::max<int64_t>(*scored, 1));
    float* dlogits = out<float>(0);
    ParallelFor(threads_, rows_, classes_, [=, classes = classes_](int64_t r) {
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
    return absl::OkStatus();
  }
};

template <typename Kernel>
absl::StatusOr<std::unique_ptr<graph::Kernel>> Make(const graph::KernelSpec& spec) {
  return std::unique_ptr<graph::Kernel>(new Kernel(spec));
}

}  // namespace

void RegisterSoftmaxCrossEntropy(graph::KernelTable* table) {
  AddFloat32(table, "SoftmaxCrossEntropy", Make<LossKernel>);
  AddFloat32(table, "SoftmaxCrossEntropyGrad", Make<LossGradKernel>);
}

}  // namespace backends::cpu
