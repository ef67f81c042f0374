#include "ops/droppos/position_weights.h"

#include <algorithm>
#include <eigen3/Eigen/Core>
#include <memory>

#include "backends/cpu/droppos/kernels.h"
#include "backends/cpu/kernel_util.h"

namespace backends::cpu::droppos {
namespace {

// In place, shifted by the maximum.
void Softmax(Eigen::Map<Eigen::ArrayXf> s) {
  s = (s - s.maxCoeff()).exp();
  s *= 1.0f / s.sum();
}

class PositionWeightsKernel : public graph::Kernel {
 public:
  explicit PositionWeightsKernel(const graph::KernelSpec& spec)
      : batch_(spec.in(0).dim(0)),
        patches_(spec.in(0).dim(1) - 1),
        dim_(spec.in(0).dim(2)),
        visible_(spec.in(1).dim(1)),
        tau_(spec.op->Float("tau")),
        threads_(spec.threads) {}

  absl::Status Run() override {
#pragma omp parallel for schedule(static) num_threads(threads_)
    for (int64_t b = 0; b < batch_; ++b) RunImage(b);
    return absl::OkStatus();
  }

 private:
  using Row = Eigen::Map<const Eigen::VectorXf>;

  static float ClampedNorm(const Row& row) {
    return std::max(row.norm(), static_cast<float>(ops::droppos::kCosineEps));
  }

  void RunImage(int64_t b) const {
    const float* features = in<float>(0) + b * (1 + patches_) * dim_;
    const int32_t* ids = in<int32_t>(1) + b * visible_;
    float* weights = out<float>(0) + b * visible_;
    float* full = out<float>(1) + b * patches_;
    const Row cls(features, dim_);
    const float cls_norm = ClampedNorm(cls);
    for (int64_t p = 0; p < patches_; ++p) {
      const Row patch(features + (1 + p) * dim_, dim_);
      full[p] = cls.dot(patch) / cls_norm / ClampedNorm(patch) / tau_;
    }
    for (int64_t v = 0; v < visible_; ++v) weights[v] = full[ids[v]];
    Softmax({full, patches_});
    Softmax({weights, visible_});
  }

  int64_t batch_, patches_, dim_, visible_;
  float tau_;
  int threads_;
};

}  // namespace

void RegisterPositionWeights(graph::KernelTable* table) {
  AddFloat32(table, "PositionWeights",
             [](const graph::KernelSpec& spec) -> std::unique_ptr<graph::Kernel> {
               return std::make_unique<PositionWeightsKernel>(spec);
             });
}

}  // namespace backends::cpu::droppos
