#include "ops/drop_path_scales.h"

#include "backends/reference/kernels.h"

namespace backends::reference {
void RegisterDropPathScales(graph::KernelTable* table) {
  AddFunction(table, "DropPathScales", [](Call* c) {
    const std::vector<int64_t> keys = c->Ints(0);
    const std::vector<float>& rates = c->op.Floats("rates");
    std::vector<double>& scales = c->Out(0);
    for (size_t i = 0; i < scales.size(); ++i) {
      const size_t branch = i / keys.size();
      scales[i] = ops::DropPathScale(static_cast<uint64_t>(keys[i % keys.size()]), branch,
                                     rates[branch]);
    }
  });
}

}  // namespace backends::reference
