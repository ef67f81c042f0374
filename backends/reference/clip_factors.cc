#include "ops/clip_factors.h"

#include <cmath>
#include <limits>

#include "backends/reference/kernels.h"

namespace backends::reference {
namespace {

using Args = ops::ClipFactorsArgs;

void ClipFactors(Call* c) {
  const double max_norm = c->op.Float("max_norm");
  const bool global = c->op.Str("mode") == "global";
  std::vector<double> norms;
  double squares = 0;
  bool finite = true;
  for (int i = Args::kFirstNorm; i < c->num_inputs(); ++i) {
    norms.push_back(c->In(i)[0]);
    squares += norms.back() * norms.back();
    finite = finite && std::isfinite(norms.back());
  }
  const double global_norm = std::sqrt(squares);
  finite = finite && std::isfinite(static_cast<float>(global_norm));
  const std::vector<double> losses = c->In(Args::kLosses);
  double mean_loss = 0;
  for (double loss : losses) mean_loss += loss / static_cast<double>(losses.size());
  const bool applied =
      finite && std::isfinite(mean_loss) && mean_loss <= c->In(Args::kLimit)[0] && !c->HasFault();
  std::vector<double>& factors = c->Out(Args::kFactors);
  int64_t clipped = 0;
  for (size_t i = 0; i < norms.size(); ++i) {
    factors[i] = 1.0;
    if (finite && max_norm > 0) {
      const double factor = max_norm / ((global ? global_norm : norms[i]) + 1e-6);
      if (factor < 1.0) {
        factors[i] = factor;
        ++clipped;
      }
    }
    if (!applied) factors[i] = std::numeric_limits<double>::quiet_NaN();
  }
  c->Out(Args::kGlobalNorm)[0] = global_norm;
  c->OutInts(Args::kClipped)[0] = clipped;
  c->OutInts(Args::kApplied)[0] = applied;
}

}  // namespace

void RegisterClipFactors(graph::KernelTable* table) {
  AddFunction(table, "ClipFactors", ClipFactors);
}

}  // namespace backends::reference
