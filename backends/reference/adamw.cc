#include <cmath>

#include "backends/reference/kernels.h"

namespace backends {
namespace reference {
namespace {

absl::Status AdamW(Call* c) {
  const std::vector<double> w = c->In(0), g = c->In(1), m = c->In(2), v = c->In(3);
  const double lr = c->In(4)[0];
  const double factor = c->In(5)[c->op.Int("index")];
  const double step = static_cast<double>(c->Ints(6)[0]);
  const double beta1 = c->op.Float("beta1"), beta2 = c->op.Float("beta2");
  const double eps = c->op.Float("eps"), weight_decay = c->op.Float("weight_decay");
  const double correction1 = 1.0 - std::pow(beta1, step);
  const double correction2 = 1.0 - std::pow(beta2, step);
  std::vector<double>&w_out = c->Out(0), &m_out = c->Out(1), &v_out = c->Out(2);
  if (!std::isfinite(factor)) {
    w_out = w;
    m_out = m;
    v_out = v;
    return absl::OkStatus();
  }
  for (size_t i = 0; i < w.size(); ++i) {
    const double clipped = g[i] * factor;
    m_out[i] = beta1 * m[i] + (1.0 - beta1) * clipped;
    v_out[i] = beta2 * v[i] + (1.0 - beta2) * clipped * clipped;
    const double denominator = std::sqrt(v_out[i]) / std::sqrt(correction2) + eps;
    w_out[i] = w[i] * (1.0 - lr * weight_decay) - lr / correction1 * m_out[i] / denominator;
  }
  return absl::OkStatus();
}

}  // namespace

void RegisterAdamW(graph::KernelTable* table) { AddFunction(table, "AdamW", AdamW); }

}  // namespace reference
}  // namespace backends
