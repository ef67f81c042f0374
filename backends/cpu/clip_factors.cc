#include "ops/clip_factors.h"

#include <cmath>
#include <limits>

#include "backends/cpu/kernel_util.h"

namespace backends::cpu {
namespace {

using Args = ops::ClipFactorsArgs;

// The official clip_gradients adds this to a norm before it divides.
constexpr double kNormEpsilon = 1e-6;

double Factor(double max_norm, double norm) {
  return max_norm > 0 ? std::min(1.0, max_norm / (norm + kNormEpsilon)) : 1.0;
}

absl::StatusOr<std::unique_ptr<graph::Kernel>> MakeClipFactors(const graph::KernelSpec& spec) {
  const int n = static_cast<int>(spec.inputs.size()) - Args::kFirstNorm;
  const int64_t num_losses = spec.in(Args::kLosses).elements();
  const double max_norm = spec.op->Float("max_norm");
  const bool global = spec.op->Str("mode") == "global";
  return MakeKernel([=](const graph::KernelArgs& args) {
    const float* losses = In<float>(args, Args::kLosses);
    double mean_loss = 0.0;
    for (int64_t i = 0; i < num_losses; ++i) mean_loss += double{losses[i]} / num_losses;
    const auto norm_of = [&args](int i) -> double {
      return *In<float>(args, Args::kFirstNorm + i);
    };
    double squares = 0.0;
    bool finite = true;
    for (int i = 0; i < n; ++i) {
      squares += norm_of(i) * norm_of(i);
      finite = finite && std::isfinite(norm_of(i));
    }
    const double global_norm = std::sqrt(squares);
    finite = finite && std::isfinite(static_cast<float>(global_norm));
    const bool applied = finite && std::isfinite(mean_loss) &&
                         mean_loss <= double{*In<float>(args, Args::kLimit)} &&
                         args.fault->found == 0;
    float* factors = Out<float>(args, Args::kFactors);
    int32_t clipped = 0;
    for (int i = 0; i < n; ++i) {
      const double factor = Factor(max_norm, global ? global_norm : norm_of(i));
      clipped += finite && factor < 1.0;  // before rounding, which may make it 1
      factors[i] = applied ? static_cast<float>(factor) : std::numeric_limits<float>::quiet_NaN();
    }
    *Out<float>(args, Args::kGlobalNorm) = static_cast<float>(global_norm);
    *Out<int32_t>(args, Args::kClipped) = clipped;
    *Out<int32_t>(args, Args::kApplied) = applied;
  });
}

}  // namespace

void RegisterClipFactors(graph::KernelTable* table) {
  AddFloat32(table, "ClipFactors", MakeClipFactors);
}

}  // namespace backends::cpu
