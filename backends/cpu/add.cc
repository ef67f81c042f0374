#include "backends/cpu/kernel_util.h"
#include "backends/cpu/kernels.h"

namespace backends::cpu {

void RegisterAdd(graph::KernelTable* table) {
  AddFloat32(table, "Add", [](const graph::KernelSpec& spec) {
    return MakeKernel([n = spec.out(0).elements(), threads = spec.threads](const auto& args) {
      // y may lie over a or b, so these are not __restrict; index i touches i only.
      const float* a = In<float>(args, 0);
      const float* b = In<float>(args, 1);
      float* y = Out<float>(args, 0);
      ParallelPieces(threads, n, [=](int64_t begin, int64_t count) {
#pragma omp simd
        for (int64_t i = begin; i < begin + count; ++i) y[i] = a[i] + b[i];
      });
    });
  });
}

}  // namespace backends::cpu
