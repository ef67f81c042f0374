#include <cmath>

#include "backends/reference/kernels.h"

namespace backends::reference {
namespace {

void GeluForward(Call* c) {
  const std::vector<double> x = c->In(0);
  std::vector<double>& y = c->Out(0);
  for (size_t i = 0; i < y.size(); ++i) y[i] = Gelu(x[i]);
}

void GeluGrad(Call* c) {
  const std::vector<double> x = c->In(0), dy = c->In(1);
  std::vector<double>& dx = c->Out(0);
  for (size_t i = 0; i < dx.size(); ++i) dx[i] = dy[i] * GeluDerivative(x[i]);
}

double NormalCdf(double x) { return 0.5 * std::erfc(-x * M_SQRT1_2); }

}  // namespace

double Gelu(double x) { return x * NormalCdf(x); }

double GeluDerivative(double x) {
  return NormalCdf(x) + x * std::exp(-0.5 * x * x) / std::sqrt(2.0 * M_PI);
}

void RegisterGelu(graph::KernelTable* table) {
  AddFunction(table, "Gelu", GeluForward);
  AddFunction(table, "GeluGrad", GeluGrad);
}

}  // namespace backends::reference
