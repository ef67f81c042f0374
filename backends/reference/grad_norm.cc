#include <cmath>

#include "backends/reference/kernels.h"

namespace backends::reference {
namespace {

absl::Status GradNorm(Call* c) {
  double squares = 0;
  for (double g : c->In(0)) squares += g * g;
  c->Out(0)[0] = std::sqrt(squares);
  return absl::OkStatus();
}

}  // namespace

void RegisterGradNorm(graph::KernelTable* table) {
  AddForEachTensor(table, "GradNorm", 0, 1, 1, GradNorm);
}

}  // namespace backends::reference
