#include "ops/lars.h"

#include <cmath>

#include "backends/reference/kernels.h"

namespace backends::reference {
namespace {

using Args = ops::LarsArgs;

double Norm(const std::vector<double>& x) {
  double squares = 0;
  for (double v : x) squares += v * v;
  return std::sqrt(squares);
}

// One parameter's.
void Lars(Call* c) {
  constexpr int kFirst = Args::FirstIn(0);
  const std::vector<double> w = c->In(kFirst + Args::kW), g = c->In(kFirst + Args::kG),
                            m = c->In(kFirst + Args::kM);
  const double lr = c->In(Args::kLr)[0] * c->op.Floats("lr_scales")[0];
  const double factor = c->In(Args::kFactors)[c->op.Ints("indices")[0]];
  const double weight_decay = c->op.Floats("weight_decays")[0];
  std::vector<double>&w_out = c->Out(Args::kNewW), &m_out = c->Out(Args::kNewM);
  if (!std::isfinite(factor)) {
    w_out = w;
    m_out = m;
    return;
  }
  std::vector<double> d(w.size());
  for (size_t i = 0; i < w.size(); ++i) d[i] = g[i] * factor + weight_decay * w[i];
  double ratio = 1.0;
  if (ops::LarsAdapts(c->in_type(kFirst + Args::kW)) && Norm(w) > 0 && Norm(d) > 0) {
    ratio = c->op.Float("trust") * Norm(w) / Norm(d);
  }
  for (size_t i = 0; i < w.size(); ++i) {
    m_out[i] = c->op.Float("momentum") * m[i] + ratio * d[i];
    w_out[i] = w[i] - lr * m_out[i];
  }
}

}  // namespace

void RegisterLars(graph::KernelTable* table) {
  AddForEachTensor(table, "Lars", Args::kNumShared, Args::kNumIn, Args::kNumOut, Lars);
}

}  // namespace backends::reference
