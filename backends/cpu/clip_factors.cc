#include <cmath>
#include <limits>

#include "backends/cpu/kernel_util.h"
#include "backends/cpu/kernels.h"

namespace backends::cpu {
namespace {

// What the official clip_gradients adds to a norm before it divides.
constexpr double kNormEpsilon = 1e-6;

double Factor(double max_norm, double norm) {
  return max_norm > 0 ? std::min(1.0, max_norm / (norm + kNormEpsilon)) : 1.0;
}

absl::StatusOr<std::unique_ptr<graph::Kernel>> MakeClipFactors(const graph::KernelSpec& spec) {
  const int n = static_cast<int>(spec.inputs.size());
  const double max_norm = spec.op->Float("max_norm");
  const bool global = spec.op->Str("mode") == "global";
  return MakeKernel([=](const graph::KernelArgs& args) {
    double squares = 0.0;
    bool finite = true;
    for (int i = 0; i < n; ++i) {
      const double norm = *In<float>(args, i);
      squares += norm * norm;
      finite = finite && std::isfinite(norm);
    }
    const double global_norm = std::sqrt(squares);
    float* factors = Out<float>(args, 0);
    int32_t clipped = 0;
    for (int i = 0; i < n; ++i) {
      const double norm = global ? global_norm : *In<float>(args, i);
      const double factor =
          finite ? Factor(max_norm, norm) : std::numeric_limits<double>::quiet_NaN();
      factors[i] = static_cast<float>(factor);
      clipped += factor < 1.0;  // before the rounding, which may make it 1
    }
    *Out<float>(args, 1) = static_cast<float>(global_norm);
    *Out<int32_t>(args, 2) = clipped;
  });
}

}  // namespace

void RegisterClipFactors(graph::KernelTable* table) {
  AddFloat32(table, "ClipFactors", MakeClipFactors);
}

}  // namespace backends::cpu
