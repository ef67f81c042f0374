#include "backends/cpu/kernel_util.h"

namespace backends::cpu {

void RegisterBiasAdd(graph::KernelTable* table) {
  AddFloat32(table, "BiasAdd", [](const graph::KernelSpec& spec) {
    return MakeKernel([n = spec.in(0).elements(), suffix = spec.in(1).elements(),
                       threads = spec.threads](const auto& args) {
      const float* x = In<float>(args, 0);
      const float* bias = In<float>(args, 1);
      float* y = Out<float>(args, 0);
      ParallelFor(threads, suffix == 0 ? 0 : n / suffix, suffix, [=](int64_t row) {
        const float* from = x + row * suffix;
        float* to = y + row * suffix;
#pragma omp simd
        for (int64_t i = 0; i < suffix; ++i) to[i] = from[i] + bias[i];
      });
    });
  });
}

}  // namespace backends::cpu
