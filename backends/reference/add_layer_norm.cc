#include "backends/reference/kernels.h"

namespace backends::reference {
void RegisterAddLayerNorm(graph::KernelTable* table) {
  AddFunction(table, "AddLayerNorm", [](Call* c) {
    const std::vector<double> a = c->In(0), b = c->In(1), gamma = c->In(2), beta = c->In(3);
    std::vector<double>& sum = c->Out(0);
    const std::vector<double> scales = c->num_inputs() > 4 ? c->In(4) : std::vector<double>();
    const size_t images = c->in_type(0).dim(0);
    const size_t first = scales.empty() ? 0 : c->op.Int("index") * images;
    for (size_t i = 0; i < sum.size(); ++i) {
      const double scale = scales.empty() ? 1 : scales[first + i * images / sum.size()];
      sum[i] = a[i] + scale * b[i];
    }
    LayerNormRows(sum, gamma, beta, c->op.Float("eps"), c->in_type(0).rows(), c->in_type(0).cols(),
                  &c->Out(1), &c->Out(2), &c->Out(3));
  });
}

}  // namespace backends::reference
