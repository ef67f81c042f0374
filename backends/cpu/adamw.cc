// AdamW in one pass over w, g, m and v of all parameters. w', m' and v' may lie over w,
// m and v: element i is read before it is written and touched by nobody else.
#include "ops/adamw.h"

#include <cmath>
#include <cstring>
#include <vector>

#include "backends/cpu/kernel_util.h"
#include "backends/cpu/tensor_pieces.h"

namespace backends::cpu {
namespace {

using Args = ops::AdamWArgs;

constexpr int64_t kPiece = 4096;  // elements

// One parameter's scalars of a step, worked out in double and rounded once.
struct Step {
  float decay;  // 1 - lr * lr_scale * weight_decay
  float beta1, one_minus_beta1;
  float beta2, one_minus_beta2;
  float step_size;   // lr * lr_scale / (1 - beta1^t)
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

void Update(const Step& s, float factor, const Tensors& t, int64_t begin, int64_t count) {
#pragma omp simd
  for (int64_t i = begin; i < begin + count; ++i) {
    const float g = t.g[i] * factor;
    const float m = s.beta1 * t.m[i] + s.one_minus_beta1 * g;
    const float v = s.beta2 * t.v[i] + s.one_minus_beta2 * g * g;
    t.new_m[i] = m;
    t.new_v[i] = v;
    t.new_w[i] = t.w[i] * s.decay - s.step_size * m / (std::sqrt(v) * s.root_scale + s.eps);
  }
}

// What remains of a step that is not applied.
void Keep(const Tensors& t, int64_t begin, int64_t count) {
  const size_t bytes = count * sizeof(float);
  if (t.new_w != t.w) std::memcpy(t.new_w + begin, t.w + begin, bytes);
  if (t.new_m != t.m) std::memcpy(t.new_m + begin, t.m + begin, bytes);
  if (t.new_v != t.v) std::memcpy(t.new_v + begin, t.v + begin, bytes);
}

absl::StatusOr<std::unique_ptr<graph::Kernel>> MakeAdamW(const graph::KernelSpec& spec) {
  std::vector<int64_t> elements;
  for (int i = 0; i < Args::NumParameters(spec.inputs.size()); ++i) {
    elements.push_back(spec.in(Args::FirstIn(i)).elements());
  }
  const double beta1 = spec.op->Float("beta1"), beta2 = spec.op->Float("beta2");
  const float eps = spec.op->Float("eps");
  return MakeKernel(
      [=, pieces = TensorPieces(elements, kPiece, spec.threads), indices = spec.op->Ints("indices"),
       lr_scales = spec.op->Floats("lr_scales"),
       weight_decays = spec.op->Floats("weight_decays")](const graph::KernelArgs& args) {
        const double lr = *In<float>(args, Args::kLr);
        const float* factors = In<float>(args, Args::kFactors);
        const double step = *In<int32_t>(args, Args::kStep);
        const double correction1 = 1.0 - std::pow(beta1, step);
        const double correction2 = 1.0 - std::pow(beta2, step);
        pieces.ForEach([&](const TensorPieces::Piece& piece) {
          const int in = Args::FirstIn(piece.tensor), out = Args::FirstOut(piece.tensor);
          const Tensors t{In<float>(args, in + Args::kW),      In<float>(args, in + Args::kG),
                          In<float>(args, in + Args::kM),      In<float>(args, in + Args::kV),
                          Out<float>(args, out + Args::kNewW), Out<float>(args, out + Args::kNewM),
                          Out<float>(args, out + Args::kNewV)};
          const float factor = factors[indices[piece.tensor]];
          if (std::isfinite(factor)) {
            const double lr_here = lr * double{lr_scales[piece.tensor]};
            const Step s{static_cast<float>(1.0 - lr_here * double{weight_decays[piece.tensor]}),
                         static_cast<float>(beta1),
                         static_cast<float>(1.0 - beta1),
                         static_cast<float>(beta2),
                         static_cast<float>(1.0 - beta2),
                         static_cast<float>(lr_here / correction1),
                         static_cast<float>(1.0 / std::sqrt(correction2)),
                         eps};
            Update(s, factor, t, piece.begin, piece.count);
          } else {
            Keep(t, piece.begin, piece.count);
          }
        });
      });
}

}  // namespace

void RegisterAdamW(graph::KernelTable* table) { AddFloat32(table, "AdamW", MakeAdamW); }

}  // namespace backends::cpu
