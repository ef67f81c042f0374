#include <algorithm>
#include <memory>

#include "backends/cpu/droppos/masked_row_sum.h"
#include "backends/cpu/kernel_util.h"

namespace backends::cpu::droppos {
namespace {

struct Shape {
  // `ids` is the position of ids_keep; mask comes after it.
  Shape(const graph::KernelSpec& spec, int ids)
      : batch(spec.in(0).dim(0)),
        prefix(spec.op->Int("prefix")),
        visible(spec.in(ids).dim(1)),
        patches(spec.in(ids + 1).dim(1)),
        dim(spec.in(0).dim(2)) {}

  int64_t short_rows() const { return prefix + visible; }
  int64_t full_rows() const { return prefix + patches; }

  int64_t batch, prefix, visible, patches, dim;
};

void Copy(const float* from, float* to, int64_t n) { std::copy(from, from + n, to); }

std::unique_ptr<graph::Kernel> MakeRestoreRows(const graph::KernelSpec& spec) {
  return MakeKernel([s = Shape(spec, 2), threads = spec.threads](const graph::KernelArgs& args) {
    if (!IdsAreRows(args, 2, s.batch * s.visible, s.patches)) return;
    const float* mask_token = In<float>(args, 1);
    ParallelFor(threads, s.batch, s.full_rows() * s.dim, [&](int64_t b) {
      const float* x = In<float>(args, 0) + b * s.short_rows() * s.dim;
      const int32_t* ids = In<int32_t>(args, 2) + b * s.visible;
      const uint8_t* mask = In<uint8_t>(args, 3) + b * s.patches;
      float* y = Out<float>(args, 0) + b * s.full_rows() * s.dim;
      Copy(x, y, s.prefix * s.dim);
      x += s.prefix * s.dim;
      y += s.prefix * s.dim;
      for (int64_t v = 0; v < s.visible; ++v) Copy(x + v * s.dim, y + ids[v] * s.dim, s.dim);
      for (int64_t p = 0; p < s.patches; ++p) {
        if (mask[p] != 0) Copy(mask_token, y + p * s.dim, s.dim);
      }
    });
  });
}

std::unique_ptr<graph::Kernel> MakeRestoreRowsGrad(const graph::KernelSpec& spec) {
  const Shape s(spec, 1);
  const MaskedRows hidden = {s.batch, s.prefix, s.patches, s.dim};
  return MakeKernel(
      [s, hidden, threads = spec.threads](const graph::KernelArgs& args) {
        if (!IdsAreRows(args, 1, s.batch * s.visible, s.patches)) return;
        ParallelFor(threads, s.batch, s.short_rows() * s.dim, [&](int64_t b) {
          const float* dy = In<float>(args, 0) + b * s.full_rows() * s.dim;
          const int32_t* ids = In<int32_t>(args, 1) + b * s.visible;
          float* dx = Out<float>(args, 0) + b * s.short_rows() * s.dim;
          Copy(dy, dx, s.prefix * s.dim);
          dy += s.prefix * s.dim;
          dx += s.prefix * s.dim;
          for (int64_t v = 0; v < s.visible; ++v) Copy(dy + ids[v] * s.dim, dx + v * s.dim, s.dim);
        });
        MaskedRowSum(hidden, In<float>(args, 0), In<uint8_t>(args, 2), args.scratch, threads,
                     Out<float>(args, 1));
      },
      hidden.scratch_bytes());
}

}  // namespace

void RegisterRestoreRows(graph::KernelTable* table) {
  AddFloat32(table, "RestoreRows", MakeRestoreRows);
  AddFloat32(table, "RestoreRowsGrad", MakeRestoreRowsGrad);
}

}  // namespace backends::cpu::droppos
