#include <cstring>

#include "backends/cpu/kernel_util.h"

namespace backends::cpu {

void RegisterPatchify(graph::KernelTable* table) {
  AddFloat32(table, "Patchify", [](const graph::KernelSpec& spec) {
    const int64_t batch = spec.in(0).dim(0), channels = spec.in(0).dim(1);
    const int64_t height = spec.in(0).dim(2), width = spec.in(0).dim(3);
    const int64_t p = spec.op->Int("patch");
    const int64_t grid_h = height / p, grid_w = width / p;
    // A task is one row of patches of one image, one block of y.
    return MakeKernel([=, threads = spec.threads](const graph::KernelArgs& args) {
      const float* images = In<float>(args, 0);
      float* y = Out<float>(args, 0);
      ParallelFor(threads, batch * grid_h, channels * p * width, [=](int64_t task) {
        const float* image = images + task / grid_h * channels * height * width;
        const int64_t top = task % grid_h * p;
        float* to = y + task * grid_w * channels * p * p;
        for (int64_t column = 0; column < grid_w; ++column) {
          for (int64_t c = 0; c < channels; ++c) {
            for (int64_t i = 0; i < p; ++i, to += p) {
              std::memcpy(to, image + (c * height + top + i) * width + column * p,
                          p * sizeof(float));
            }
          }
        }
      });
    });
  });
}

}  // namespace backends::cpu
