#include "backends/reference/kernels.h"

namespace backends::reference {
namespace {

void Patchify(Call* c) {
  const std::vector<double> images = c->In(0);
  const graph::TensorType& type = c->in_type(0);
  const int64_t channels = type.dim(1), height = type.dim(2), width = type.dim(3);
  const int64_t p = c->op.Int("patch"), grid_h = height / p, grid_w = width / p;
  std::vector<double>& y = c->Out(0);
  int64_t next = 0;
  for (int64_t b = 0; b < type.dim(0); ++b) {
    for (int64_t l = 0; l < grid_h * grid_w; ++l) {
      for (int64_t e = 0; e < channels * p * p; ++e) {
        const int64_t channel = e / (p * p);
        const int64_t row = l / grid_w * p + e / p % p;
        const int64_t column = l % grid_w * p + e % p;
        y[next++] = images[((b * channels + channel) * height + row) * width + column];
      }
    }
  }
}

}  // namespace

void RegisterPatchify(graph::KernelTable* table) { AddFunction(table, "Patchify", Patchify); }

}  // namespace backends::reference
