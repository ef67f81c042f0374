#include "backends/cpu/kernel_util.h"

namespace backends::cpu {

void RegisterScale(graph::KernelTable* table) {
  AddFloat32(table, "Scale", [](const graph::KernelSpec& spec) {
    const int64_t n = spec.out(0).elements();
    const float value = spec.op->Float("value");
    const bool has_factors = spec.inputs.size() == 2;
    const int64_t index = spec.op->Int("index");
    return MakeKernel([=, threads = spec.threads](const graph::KernelArgs& args) {
      // Not __restrict, because y may lie over x; index i touches only element i.
      const float* x = In<float>(args, 0);
      float* y = Out<float>(args, 0);
      const float factor = has_factors ? value * In<float>(args, 1)[index] : value;
      ParallelPieces(threads, n, [=](int64_t begin, int64_t count) {
#pragma omp simd
        for (int64_t i = begin; i < begin + count; ++i) y[i] = factor * x[i];
      });
    });
  });
}

}  // namespace backends::cpu
