#include <algorithm>

#include "backends/reference/kernels.h"

namespace backends::reference {
void RegisterFill(graph::KernelTable* table) {
  AddFunction(table, "Fill", [](Call* c) {
    const double value = c->op.Float("value");
    if (graph::IsFloat(c->out_type(0).dtype)) {
      std::fill(c->Out(0).begin(), c->Out(0).end(), value);
    } else {
      std::fill(c->OutInts(0).begin(), c->OutInts(0).end(), static_cast<int64_t>(value));
    }
  });
}

}  // namespace backends::reference
