#include "backends/cpu/kernel_util.h"

namespace backends::cpu {
namespace {

// How many logits do not come before the label's: a comparison with NaN is false, so a NaN comes
// before all, and all before it.
int64_t CountBehind(const float* row, int64_t classes, int32_t label) {
  const float own = row[label];
  int64_t behind = 0;
  for (int64_t k = 0; k < label; ++k) behind += row[k] < own;
  for (int64_t k = label; k < classes; ++k) behind += row[k] <= own;
  return behind;
}

std::unique_ptr<graph::Kernel> MakeTopKCorrect(const graph::KernelSpec& spec) {
  const int64_t rows = spec.in(1).elements(), classes = spec.in(0).cols();
  const int64_t k = spec.op->Int("k");
  return MakeKernel([=, threads = spec.threads](const graph::KernelArgs& args) {
    if (!LabelsAreClasses(args, 1, rows, classes)) return;
    const float* logits = In<float>(args, 0);
    const int32_t* labels = In<int32_t>(args, 1);
    int32_t* correct = Out<int32_t>(args, 0);
    ParallelFor(threads, rows, classes, [=](int64_t r) {
      correct[r] =
          labels[r] >= 0 && classes - CountBehind(logits + r * classes, classes, labels[r]) < k;
    });
  });
}

}  // namespace

void RegisterTopKCorrect(graph::KernelTable* table) {
  AddFloat32(table, "TopKCorrect", MakeTopKCorrect);
}

}  // namespace backends::cpu
