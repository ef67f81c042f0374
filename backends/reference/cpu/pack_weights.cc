// The rows of B, padded with zeros to the shape of the output.
#include "backends/reference/kernels.h"

namespace backends::reference::cpu {
void RegisterPackWeights(graph::KernelTable* table) {
  AddFunction(table, "PackWeights", [](Call* c) {
    const std::vector<double> w = c->In(0);
    const int64_t rows = c->in_type(0).dim(0);
    const int64_t cols = rows == 0 ? 0 : static_cast<int64_t>(w.size()) / rows;
    const int64_t pitch = c->out_type(0).cols();
    const bool trans_w = c->op.Int("trans_w") == 1;
    std::vector<double>& packed = c->Out(0);
    for (int64_t i = 0; i < rows; ++i) {
      for (int64_t j = 0; j < cols; ++j) {
        packed[trans_w ? j * pitch + i : i * pitch + j] = w[i * cols + j];
      }
    }
  });
}

}  // namespace backends::reference::cpu
