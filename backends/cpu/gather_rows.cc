#include <cstring>

#include "backends/cpu/kernel_util.h"

namespace backends::cpu {
namespace {

// y (B, V, D) = the rows ids (B, V) of x (B, L, D).
absl::StatusOr<std::unique_ptr<graph::Kernel>> MakeGather(const graph::KernelSpec& spec) {
  const int64_t batch = spec.in(0).dim(0), rows = spec.in(0).dim(1), cols = spec.in(0).dim(2);
  const int64_t picked = spec.in(1).dim(1);
  return MakeKernel([=, threads = spec.threads](const graph::KernelArgs& args) {
    if (!IdsAreRows(args, 1, batch * picked, rows)) return;
    const float* x = In<float>(args, 0);
    const int32_t* ids = In<int32_t>(args, 1);
    float* y = Out<float>(args, 0);
    ParallelFor(threads, batch * picked, cols, [=](int64_t i) {
      std::memcpy(y + i * cols, x + (i / picked * rows + ids[i]) * cols, cols * sizeof(float));
    });
  });
}

// dx (B, L, D) = rows of dy (B, V, D) added at ids (B, V). An image is one task, so
// rows of repeated ids are added in a fixed order.
absl::StatusOr<std::unique_ptr<graph::Kernel>> MakeScatter(const graph::KernelSpec& spec) {
  const int64_t batch = spec.in(0).dim(0), picked = spec.in(0).dim(1), cols = spec.in(0).dim(2);
  const int64_t rows = spec.out(0).dim(1);
  return MakeKernel([=, threads = spec.threads](const graph::KernelArgs& args) {
    if (!IdsAreRows(args, 1, batch * picked, rows)) return;
    const float* dy = In<float>(args, 0);
    const int32_t* ids = In<int32_t>(args, 1);
    float* dx = Out<float>(args, 0);
    ParallelFor(threads, batch, rows * cols, [=](int64_t image) {
      float* to = dx + image * rows * cols;
      std::memset(to, 0, rows * cols * sizeof(float));
      for (int64_t i = image * picked; i < (image + 1) * picked; ++i) {
        const float* from = dy + i * cols;
        float* row = to + ids[i] * cols;
#pragma omp simd
        for (int64_t c = 0; c < cols; ++c) row[c] += from[c];
      }
    });
  });
}

}  // namespace

void RegisterGatherRows(graph::KernelTable* table) {
  AddFloat32(table, "GatherRows", MakeGather);
  AddFloat32(table, "ScatterRows", MakeScatter);
}

}  // namespace backends::cpu
