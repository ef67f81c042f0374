#include <cstring>

#include "backends/cpu/kernel_util.h"

namespace backends::cpu {

void RegisterPrependToken(graph::KernelTable* table) {
  AddFloat32(table, "PrependToken", [](const graph::KernelSpec& spec) {
    const int64_t batch = spec.in(0).dim(0), cols = spec.in(0).dim(2);
    const int64_t size = spec.in(0).dim(1) * cols;
    return MakeKernel([=, threads = spec.threads](const graph::KernelArgs& args) {
      const float* x = In<float>(args, 0);
      const float* token = In<float>(args, 1);
      float* y = Out<float>(args, 0);
      ParallelFor(threads, batch, size, [=](int64_t image) {
        float* to = y + image * (size + cols);
        std::memcpy(to, token, cols * sizeof(float));
        std::memcpy(to + cols, x + image * size, size * sizeof(float));
      });
    });
  });
}

}  // namespace backends::cpu
