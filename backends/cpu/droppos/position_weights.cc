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

std::unique_ptr<graph::Kernel> MakePositionWeights(const graph::KernelSpec& spec) {
  const int64_t batch = spec.in(0).dim(0), patches = spec.in(0).dim(1) - 1;
  const int64_t dim = spec.in(0).dim(2), visible = spec.in(1).dim(1);
  return MakeKernel(
      [=, tau = spec.op->Float("tau"), threads = spec.threads](const graph::KernelArgs& args) {
        if (!IdsAreRows(args, 1, batch * visible, patches)) return;
        ParallelFor(threads, batch, patches * dim, [&](int64_t b) {
          const int32_t* ids = In<int32_t>(args, 1) + b * visible;
          float* weights = Out<float>(args, 0) + b * visible;
          float* full = Out<float>(args, 1) + b * patches;
          Similarities(In<float>(args, 0) + b * (1 + patches) * dim, patches, dim, tau, full);
          for (int64_t v = 0; v < visible; ++v) weights[v] = full[ids[v]];
          Softmax({full, patches});
          Softmax({weights, visible});
        });
      });
}

std::unique_ptr<graph::Kernel> MakeGathered(const graph::KernelSpec& spec) {
  const int64_t batch = spec.in(0).dim(0), visible = spec.in(0).dim(1) - 1;
  const int64_t dim = spec.in(0).dim(2);
  return MakeKernel(
      [=, tau = spec.op->Float("tau"), threads = spec.threads](const graph::KernelArgs& args) {
        ParallelFor(threads, batch, visible * dim, [&](int64_t b) {
          float* weights = Out<float>(args, 0) + b * visible;
          Similarities(In<float>(args, 0) + b * (1 + visible) * dim, visible, dim, tau, weights);
          Softmax({weights, visible});
        });
      });
}

std::unique_ptr<graph::Kernel> MakeTokenRows(const graph::KernelSpec& spec) {
  const int64_t batch = spec.in(0).dim(0), visible = spec.in(0).dim(1);
  return MakeKernel([=](const graph::KernelArgs& args) {
    const int32_t* ids = In<int32_t>(args, 0);
    int32_t* rows = Out<int32_t>(args, 0);
    for (int64_t b = 0; b < batch; ++b) {
      *rows++ = 0;
      for (int64_t v = 0; v < visible; ++v) *rows++ = 1 + *ids++;
    }
  });
}

}  // namespace

void RegisterPositionWeights(graph::KernelTable* table) {
  AddFloat32(table, "PositionWeights", MakePositionWeights);
  AddFloat32(table, "GatheredPositionWeights", MakeGathered);
  AddFloat32(table, "TokenRows", MakeTokenRows);
}

}  // namespace backends::cpu::droppos
