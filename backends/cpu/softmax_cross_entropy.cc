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

// What a row is to be: labels a and b with their weights; a, b and weights are unused in a row
// that is not scored.
struct Target {
  bool is_scored;
  int32_t a, b;
  float weight_a, weight_b;
};

// Of all rows, and what all have in common.
class Targets {
 public:
  // `lam` is the place of the optional input.
  Targets(const graph::KernelSpec& spec, int lam)
      : rows_(spec.in(1).elements()),
        classes_(spec.in(0).cols()),
        lam_(static_cast<int>(spec.inputs.size()) > lam ? lam : -1),
        group_(lam_ < 0 ? 1 : rows_ / spec.in(lam).dim(0)),
        smoothing_(spec.op->Float("smoothing")) {}

  int64_t rows() const { return rows_; }
  int64_t classes() const { return classes_; }
  // Whether a target has more than one class.
  bool are_soft() const { return lam_ >= 0 || smoothing_ != 0.0f; }
  float smoothing() const { return smoothing_; }

  Target Of(const graph::KernelArgs& args, int64_t r) const {
    const int32_t* labels = In<int32_t>(args, 1);
    const float rest = 1.0f - smoothing_;
    if (lam_ < 0) return {labels[r] >= 0, labels[r], labels[r], rest, 0.0f};
    const int64_t group = r / group_;
    const int32_t a = labels[r], b = labels[(2 * group + 1) * group_ - 1 - r];
    const float lam = In<float>(args, lam_)[group];
    return {a >= 0 && b >= 0, a, b, rest * lam, rest * (1.0f - lam)};
  }

  int64_t CountScored(const graph::KernelArgs& args) const {
    int64_t scored = 0;
    for (int64_t r = 0; r < rows_; ++r) scored += Of(args, r).is_scored;
    return scored;
  }

 private:
  int64_t rows_, classes_;
  int lam_;        // -1: none
  int64_t group_;  // rows of one λ
  float smoothing_;
};

// Σ t_k (top - logit_k), by differences from the largest logit `top`, so that nothing cancels. A
// weight of 0 is not multiplied with infinity.
float MeanDistance(const float* row, int64_t classes, float top, const Target& target,
                   float smoothing) {
  float mean = 0.0f;
  if (target.weight_a != 0.0f) mean += target.weight_a * (top - row[target.a]);
  if (target.weight_b != 0.0f) mean += target.weight_b * (top - row[target.b]);
  if (smoothing != 0.0f) mean += smoothing * (top - ConstRow(row, classes)).mean();
  return mean;
}

std::unique_ptr<graph::Kernel> MakeLoss(const graph::KernelSpec& spec) {
  const Targets targets(spec, 2);
  const int64_t rows = targets.rows(), classes = targets.classes();
  return MakeKernel(
      [=, threads = spec.threads](const graph::KernelArgs& args) {
        if (!LabelsAreClasses(args, 1, rows, classes)) return;
        const int64_t scored = targets.CountScored(args);
        const float* logits = In<float>(args, 0);
        int32_t* correct = Out<int32_t>(args, 1);
        float* row_loss = static_cast<float*>(args.scratch);
        ParallelFor(threads, rows, classes, [&, logits, correct, row_loss](int64_t r) {
          const Target target = targets.Of(args, r);
          row_loss[r] = 0.0f;
          correct[r] = 0;
          if (!target.is_scored) return;
          const float* row = logits + r * classes;
          const int64_t best = ArgMax(row, classes);
          const float sum = (ConstRow(row, classes) - row[best]).exp().sum();
          row_loss[r] = targets.are_soft()
                            ? std::log(sum) +
                                  MeanDistance(row, classes, row[best], target, targets.smoothing())
                            : std::log(sum) + row[best] - row[target.a];
          correct[r] = best == target.a;
        });
        double total = 0.0;
        for (int64_t r = 0; r < rows; ++r) total += row_loss[r];
        *Out<float>(args, 0) =
            scored == 0 ? 0.0f : static_cast<float>(total / static_cast<double>(scored));
      },
      rows * sizeof(float));
}

std::unique_ptr<graph::Kernel> MakeLossGrad(const graph::KernelSpec& spec) {
  const Targets targets(spec, 3);
  const int64_t rows = targets.rows(), classes = targets.classes();
  return MakeKernel([=, threads = spec.threads](const graph::KernelArgs& args) {
    if (!LabelsAreClasses(args, 1, rows, classes)) return;
    const int64_t scored = targets.CountScored(args);
    const float* logits = In<float>(args, 0);
    // Unused if no row is scored.
    const float scale = *In<float>(args, 2) / static_cast<float>(std::max<int64_t>(scored, 1));
    const float of_all = scale * targets.smoothing() / static_cast<float>(classes);
    float* dlogits = Out<float>(args, 0);
    ParallelFor(threads, rows, classes, [&, logits, scale, of_all, dlogits](int64_t r) {
      const Target target = targets.Of(args, r);
      Eigen::Map<Eigen::ArrayXf> grad(dlogits + r * classes, classes);
      if (!target.is_scored) {
        grad.setZero();
        return;
      }
      const ConstRow row(logits + r * classes, classes);
      grad = (row - row.maxCoeff()).exp();
      grad *= scale / grad.sum();
      if (of_all != 0.0f) grad -= of_all;
      grad[target.a] -= scale * target.weight_a;  // by `scale` itself for a hard label
      grad[target.b] -= scale * target.weight_b;
    });
  });
}

}  // namespace

void RegisterSoftmaxCrossEntropy(graph::KernelTable* table) {
  AddFloat32(table, "SoftmaxCrossEntropy", MakeLoss);
  AddFloat32(table, "SoftmaxCrossEntropyGrad", MakeLossGrad);
}

}  // namespace backends::cpu
