// Lars in two passes over all parameters: norms, of each piece and then of each parameter, and
// the step. w' and m' may lie over w and m: a piece's norms are known before the second pass, in
// which element i is read before it is written and touched by nobody else.
#include "ops/lars.h"

#include <cmath>
#include <cstring>
#include <utility>
#include <vector>

#include "backends/cpu/kernel_util.h"
#include "backends/cpu/tensor_pieces.h"

namespace backends::cpu {
namespace {

using Args = ops::LarsArgs;

constexpr int64_t kPiece = 4096;  // elements

struct Squares {
  double w, d;  // Σ w², Σ d²
};

// One parameter's numbers of a step.
struct Step {
  float factor, weight_decay, momentum;
  float ratio;  // of the norms, or 1
  float lr;     // lr · lr_scale
};

Squares SumOfSquares(const Step& s, const float* w, const float* g, int64_t begin, int64_t count) {
  double sum_w = 0.0, sum_d = 0.0;
#pragma omp simd reduction(+ : sum_w, sum_d)
  for (int64_t i = begin; i < begin + count; ++i) {
    const double d = g[i] * s.factor + s.weight_decay * w[i];
    sum_w += double{w[i]} * double{w[i]};
    sum_d += d * d;
  }
  return {sum_w, sum_d};
}

void Update(const Step& s, const float* w, const float* g, const float* m, float* new_w,
            float* new_m, int64_t begin, int64_t count) {
#pragma omp simd
  for (int64_t i = begin; i < begin + count; ++i) {
    const float d = g[i] * s.factor + s.weight_decay * w[i];
    const float moved = s.momentum * m[i] + s.ratio * d;
    new_m[i] = moved;
    new_w[i] = w[i] - s.lr * moved;
  }
}

// What remains of a step that is not applied.
void Keep(const float* old, float* kept, int64_t begin, int64_t count) {
  if (kept != old) std::memcpy(kept + begin, old + begin, count * sizeof(float));
}

absl::StatusOr<std::unique_ptr<graph::Kernel>> MakeLars(const graph::KernelSpec& spec) {
  std::vector<int64_t> elements;
  std::vector<bool> adapts;
  for (int i = 0; i < Args::NumParameters(spec.inputs.size()); ++i) {
    elements.push_back(spec.in(Args::FirstIn(i)).elements());
    adapts.push_back(ops::LarsAdapts(spec.in(Args::FirstIn(i))));
  }
  TensorPieces pieces(elements, kPiece, spec.threads);
  const size_t scratch_bytes =
      static_cast<size_t>(pieces.size()) * sizeof(Squares) + elements.size() * sizeof(float);
  const float momentum = spec.op->Float("momentum");
  const double trust = spec.op->Float("trust");
  return MakeKernel(
      [=, pieces = std::move(pieces), indices = spec.op->Ints("indices"),
       lr_scales = spec.op->Floats("lr_scales"),
       weight_decays = spec.op->Floats("weight_decays")](const graph::KernelArgs& args) {
        const double lr = *In<float>(args, Args::kLr);
        const float* factors = In<float>(args, Args::kFactors);
        Squares* squares = static_cast<Squares*>(args.scratch);
        float* ratios = reinterpret_cast<float*>(squares + pieces.size());
        const auto step_of = [&](int i, float ratio) {
          return Step{factors[indices[i]], weight_decays[i], momentum, ratio,
                      static_cast<float>(lr * double{lr_scales[i]})};
        };
        pieces.ForEach([&](const TensorPieces::Piece& p) {
          if (!adapts[p.tensor]) return;
          const int in = Args::FirstIn(p.tensor);
          squares[p.index] = SumOfSquares(step_of(p.tensor, 1.0f), In<float>(args, in + Args::kW),
                                          In<float>(args, in + Args::kG), p.begin, p.count);
        });
        const Squares* next = squares;
        for (size_t i = 0; i < elements.size(); ++i) {
          Squares total = {0.0, 0.0};
          const int64_t count = CeilDiv(elements[i], kPiece);
          for (int64_t k = 0; adapts[i] && k < count; ++k) {
            total.w += next[k].w;
            total.d += next[k].d;
          }
          next += count;
          ratios[i] = total.w > 0.0 && total.d > 0.0
                          ? static_cast<float>(trust * std::sqrt(total.w) / std::sqrt(total.d))
                          : 1.0f;
        }
        pieces.ForEach([&](const TensorPieces::Piece& p) {
          const int in = Args::FirstIn(p.tensor), out = Args::FirstOut(p.tensor);
          const float *w = In<float>(args, in + Args::kW), *m = In<float>(args, in + Args::kM);
          float *new_w = Out<float>(args, out + Args::kNewW),
                *new_m = Out<float>(args, out + Args::kNewM);
          const Step s = step_of(p.tensor, ratios[p.tensor]);
          if (std::isfinite(s.factor)) {
            Update(s, w, In<float>(args, in + Args::kG), m, new_w, new_m, p.begin, p.count);
          } else {
            Keep(w, new_w, p.begin, p.count);
            Keep(m, new_m, p.begin, p.count);
          }
        });
      },
      scratch_bytes);
}

}  // namespace

void RegisterLars(graph::KernelTable* table) { AddFloat32(table, "Lars", MakeLars); }

}  // namespace backends::cpu
