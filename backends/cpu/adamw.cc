// AdamW in one pass over w, g, m and v. w', m' and v' may lie over w, m and v:
// element i is read before it is written and touched by nobody else.
#include <cmath>
#include <cstring>

#include "backends/cpu/kernel_util.h"
#include "backends/cpu/kernels.h"

namespace backends::cpu {
namespace {

// One step's scalars, worked out in double and rounded once.
struct Step {
  float factor;  // of the gradient
  float decay;   // 1 - lr * weight_decay
  float beta1, one_minus_beta1;
  float beta2, one_minus_beta2;
  float step_size;   // lr / (1 - beta1^t)
  float root_scale;  // 1 / sqrt(1 - beta2^t)
  float eps;
};

struct Tensors {
  const float* w;
  const float* g;
  const float* m;
  const float* v;
  float* new_w;
  float* new_m;
  float* new_v;
};

void Update(const Step& s, const Tensors& t, int64_t begin, int64_t count) {
#pragma omp simd
  for (int64_t i = begin; i < begin + count; ++i) {
    const float g = t.g[i] * s.factor;
    const float m = s.beta1 * t.m[i] + s.one_minus_beta1 * g;
    const float v = s.beta2 * t.v[i] + s.one_minus_beta2 * g * g;
    t.new_m[i] = m;
    t.new_v[i] = v;
    t.new_w[i] = t.w[i] * s.decay - s.step_size * m / (std::sqrt(v) * s.root_scale + s.eps);
  }
}

// What remains of a step whose gradient was not finite.
void Keep(const Tensors& t, int64_t begin, int64_t count) {
  const size_t bytes = count * sizeof(float);
  if (t.new_w != t.w) std::memcpy(t.new_w + begin, t.w + begin, bytes);
  if (t.new_m != t.m) std::memcpy(t.new_m + begin, t.m + begin, bytes);
  if (t.new_v != t.v) std::memcpy(t.new_v + begin, t.v + begin, bytes);
}

absl::StatusOr<std::unique_ptr<graph::Kernel>> MakeAdamW(const graph::KernelSpec& spec) {
  const int64_t n = spec.in(0).elements();
  const double beta1 = spec.op->Float("beta1"), beta2 = spec.op->Float("beta2");
  const double weight_decay = spec.op->Float("weight_decay");
  const float eps = spec.op->Float("eps");
  const int64_t index = spec.op->Int("index");
  return MakeKernel([=, threads = spec.threads](const graph::KernelArgs& args) {
    const Tensors t{In<float>(args, 0), In<float>(args, 1),  In<float>(args, 2),
                    In<float>(args, 3), Out<float>(args, 0), Out<float>(args, 1),
                    Out<float>(args, 2)};
    const double lr = *In<float>(args, 4);
    const float factor = In<float>(args, 5)[index];
    const double step = *In<int32_t>(args, 6);
    if (!std::isfinite(factor)) {
      ParallelPieces(threads, n, [&](int64_t begin, int64_t count) { Keep(t, begin, count); });
      return;
    }
    const Step s{factor,
                 static_cast<float>(1.0 - lr * weight_decay),
                 static_cast<float>(beta1),
                 static_cast<float>(1.0 - beta1),
                 static_cast<float>(beta2),
                 static_cast<float>(1.0 - beta2),
                 static_cast<float>(lr / (1.0 - std::pow(beta1, step))),
                 static_cast<float>(1.0 / std::sqrt(1.0 - std::pow(beta2, step))),
                 eps};
    ParallelPieces(threads, n, [&](int64_t begin, int64_t count) { Update(s, t, begin, count); });
  });
}

}  // namespace

void RegisterAdamW(graph::KernelTable* table) { AddFloat32(table, "AdamW", MakeAdamW); }

}  // namespace backends::cpu
