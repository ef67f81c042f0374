#include "ops/adamw.h"

#include <cmath>

#include "backends/reference/kernels.h"

namespace backends::reference {
namespace {

using Args = ops::AdamWArgs;

// One parameter's.
void AdamW(Call* c) {
  constexpr int kFirst = Args::FirstIn(0);
  const std::vector<double> w = c->In(kFirst + Args::kW), g = c->In(kFirst + Args::kG),
                            m = c->In(kFirst + Args::kM), v = c->In(kFirst + Args::kV);
  const double lr = c->In(Args::kLr)[0] * c->op.Floats("lr_scales")[0];
  const double factor = c->In(Args::kFactors)[c->op.Ints("indices")[0]];
  const double step = static_cast<double>(c->Ints(Args::kStep)[0]);
  const double beta1 = c->op.Float("beta1"), beta2 = c->op.Float("beta2");
  const double eps = c->op.Float("eps"), weight_decay = c->op.Floats("weight_decays")[0];
  const double correction1 = 1.0 - std::pow(beta1, step);
  const double correction2 = 1.0 - std::pow(beta2, step);
  std::vector<double>&w_out = c->Out(Args::kNewW), &m_out = c->Out(Args::kNewM),
  &v_out = c->Out(Args::kNewV);
  if (!std::isfinite(factor)) {
    w_out = w;
    m_out = m;
    v_out = v;
    return;
  }
  for (size_t i = 0; i < w.size(); ++i) {
    const double clipped = g[i] * factor;
    m_out[i] = beta1 * m[i] + (1.0 - beta1) * clipped;
    v_out[i] = beta2 * v[i] + (1.0 - beta2) * clipped * clipped;
    const double denominator = std::sqrt(v_out[i]) / std::sqrt(correction2) + eps;
    w_out[i] = w[i] * (1.0 - lr * weight_decay) - lr / correction1 * m_out[i] / denominator;
  }
}

}  // namespace

void RegisterAdamW(graph::KernelTable* table) {
  AddForEachTensor(table, "AdamW", Args::kNumShared, Args::kNumIn, Args::kNumOut, AdamW);
}

}  // namespace backends::reference
