#include "ops/droppos/position_weights.h"

#include <algorithm>
#include <eigen3/Eigen/Core>
#include <memory>

#include "backends/cpu/kernel_util.h"

namespace backends::cpu::droppos {
namespace {

// In place; shifted by the maximum.
void Softmax(Eigen::Map<Eigen::ArrayXf> s) {
  s = (s - s.maxCoeff()).exp();
  s *= 1.0f / s.sum();
}

using Row = Eigen::Map<const Eigen::VectorXf>;

float ClampedNorm(const Row& row) {
  return std::max(row.norm(), static_cast<float>(ops::droppos::kCosineEps));
}

// s[p] = cos(features[0], features[1 + p]) / tau, for `patches` rows of `dim`.
void Similarities(const float* features, int64_t patches, int64_t dim, float tau, float* s) {
  const Row cls(features, dim);
  const float cls_norm = ClampedNorm(cls);
  for (int64_t p = 0; p < patches; ++p) {
    const Row patch(features + (1 + p) * dim, dim);
    s[p] = cls.dot(patch) / cls_norm / ClampedNorm(patch) / tau;
  }
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
    if (!IdsAreRows(args(), 1, batch_ * visible_, patches_)) return absl::OkStatus();
#pragma omp parallel for schedule(static) num_threads(threads_)
    for (int64_t b = 0; b < batch_; ++b) RunImage(b);
    return absl::OkStatus();
  }

 private:
  void RunImage(int64_t b) const {
    const float* features = in<float>(0) + b * (1 + patches_) * dim_;
    const int32_t* ids = in<int32_t>(1) + b * visible_;
    float* weights = out<float>(0) + b * visible_;
    float* full = out<float>(1) + b * patches_;
    Similarities(features, patches_, dim_, tau_, full);
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
  AddFloat32(table, "GatheredPositionWeights",
             [](const graph::KernelSpec& spec) -> std::unique_ptr<graph::Kernel> {
               const int64_t batch = spec.in(0).dim(0), visible = spec.in(0).dim(1) - 1;
               const int64_t dim = spec.in(0).dim(2);
               const float tau = spec.op->Float("tau");
               const int threads = spec.threads;
               return MakeKernel([=](const graph::KernelArgs& args) {
                 ParallelFor(threads, batch, visible * dim, [&](int64_t b) {
                   float* weights = Out<float>(args, 0) + b * visible;
                   Similarities(In<float>(args, 0) + b * (1 + visible) * dim, visible, dim, tau,
                                weights);
                   Softmax({weights, visible});
                 });
               });
             });
  table->Add("TokenRows",
             [](const graph::KernelSpec& spec) -> absl::StatusOr<std::unique_ptr<graph::Kernel>> {
               const int64_t batch = spec.in(0).dim(0), visible = spec.in(0).dim(1);
               return MakeKernel([=](const graph::KernelArgs& args) {
                 const int32_t* ids = In<int32_t>(args, 0);
                 int32_t* rows = Out<int32_t>(args, 0);
                 for (int64_t b = 0; b < batch; ++b) {
                   *rows++ = 0;
                   for (int64_t v = 0; v < visible; ++v) *rows++ = 1 + *ids++;
                 }
               });
             });
}

}  // namespace backends::cpu::droppos
