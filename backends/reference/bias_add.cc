#include "backends/reference/kernels.h"

namespace backends::reference {
namespace {

absl::Status BiasAdd(Call* c) {
  const std::vector<double> x = c->In(0), b = c->In(1);
  std::vector<double>& y = c->Out(0);
  for (size_t i = 0; i < y.size(); ++i) y[i] = x[i] + b[i % b.size()];
  return absl::OkStatus();
}

}  // namespace

void RegisterBiasAdd(graph::KernelTable* table) { AddFunction(table, "BiasAdd", BiasAdd); }

}  // namespace backends::reference
