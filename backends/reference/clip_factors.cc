#include <cmath>
#include <limits>

#include "backends/reference/kernels.h"

namespace backends {
namespace reference {
namespace {

absl::Status ClipFactors(Call* c) {
  const double max_norm = c->op.Float("max_norm");
  const bool global = c->op.Str("mode") == "global";
  std::vector<double> norms;
  double squares = 0;
  bool finite = true;
  for (int i = 0; i < c->num_inputs(); ++i) {
    norms.push_back(c->In(i)[0]);
    squares += norms.back() * norms.back();
    finite = finite && std::isfinite(norms.back());
  }
  const double global_norm = std::sqrt(squares);
  std::vector<double>& factors = c->Out(0);
  int64_t clipped = 0;
  for (size_t i = 0; i < norms.size(); ++i) {
    factors[i] = 1.0;
    if (!finite) {
      factors[i] = std::numeric_limits<double>::quiet_NaN();
    } else if (max_norm > 0) {
      const double factor = max_norm / ((global ? global_norm : norms[i]) + 1e-6);
      if (factor < 1.0) {
        factors[i] = factor;
        ++clipped;
      }
    }
  }
  c->Out(1)[0] = global_norm;
  c->OutInts(2)[0] = clipped;
  return absl::OkStatus();
}

}  // namespace

void RegisterClipFactors(graph::KernelTable* table) {
  AddFunction(table, "ClipFactors", ClipFactors);
}

}  // namespace reference
}  // namespace backends
