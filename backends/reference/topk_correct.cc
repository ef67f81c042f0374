#include "backends/reference/kernels.h"

namespace backends::reference {
namespace {

void TopKCorrect(Call* c) {
  const std::vector<double> logits = c->In(0);
  const int64_t classes = c->in_type(0).cols();
  std::vector<int64_t> labels;
  if (!c->Labels(1, classes, &labels)) return;
  std::vector<int64_t>& correct = c->OutInts(0);
  for (size_t r = 0; r < labels.size(); ++r) {
    if (labels[r] < 0) continue;
    const double* row = logits.data() + r * classes;
    const double own = row[labels[r]];
    int64_t before = 0;
    for (int64_t k = 0; k < classes; ++k) {
      const bool is_behind = row[k] < own || (row[k] == own && k >= labels[r]);
      before += is_behind ? 0 : 1;  // so a NaN is before, and all are before a NaN
    }
    correct[r] = before < c->op.Int("k") ? 1 : 0;
  }
}

}  // namespace

void RegisterTopKCorrect(graph::KernelTable* table) {
  AddFunction(table, "TopKCorrect", TopKCorrect);
}

}  // namespace backends::reference
