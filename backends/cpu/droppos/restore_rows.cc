#include <algorithm>
#include <memory>

#include "backends/cpu/droppos/masked_row_sum.h"
#include "backends/cpu/kernel_util.h"

namespace backends::cpu::droppos {
namespace {

struct Shape {
  int64_t batch, prefix, visible, patches, dim;

  int64_t short_rows() const { return prefix + visible; }
  int64_t full_rows() const { return prefix + patches; }
};

void Copy(const float* from, float* to, int64_t n) { std::copy(from, from + n, to); }

class RestoreRowsKernel : public graph::Kernel {
 public:
  explicit RestoreRowsKernel(const graph::KernelSpec& spec)
      : shape_{spec.in(0).dim(0), spec.op->Int("prefix"), spec.in(2).dim(1), spec.in(3).dim(1),
               spec.in(0).dim(2)},
        threads_(spec.threads) {}

  absl::Status Run() override {
    const Shape& s = shape_;
    if (!IdsAreRows(args(), 2, s.batch * s.visible, s.patches)) return absl::OkStatus();
    const float* mask_token = in<float>(1);
#pragma omp parallel for schedule(static) num_threads(threads_)
    for (int64_t b = 0; b < s.batch; ++b) {
      const float* x = in<float>(0) + b * s.short_rows() * s.dim;
      const int32_t* ids = in<int32_t>(2) + b * s.visible;
      const uint8_t* mask = in<uint8_t>(3) + b * s.patches;
      float* y = out<float>(0) + b * s.full_rows() * s.dim;
      Copy(x, y, s.prefix * s.dim);
      x += s.prefix * s.dim;
      y += s.prefix * s.dim;
      for (int64_t v = 0; v < s.visible; ++v) Copy(x + v * s.dim, y + ids[v] * s.dim, s.dim);
      for (int64_t p = 0; p < s.patches; ++p) {
        if (mask[p] != 0) Copy(mask_token, y + p * s.dim, s.dim);
      }
    }
    return absl::OkStatus();
  }

 private:
  Shape shape_;
  int threads_;
};

class RestoreRowsGradKernel : public graph::Kernel {
 public:
  explicit RestoreRowsGradKernel(const graph::KernelSpec& spec)
      : shape_{spec.in(0).dim(0), spec.op->Int("prefix"), spec.in(1).dim(1), spec.in(2).dim(1),
               spec.in(0).dim(2)},
        hidden_{shape_.batch, shape_.prefix, shape_.patches, shape_.dim},
        threads_(spec.threads) {}

  size_t scratch_bytes() const override { return hidden_.scratch_bytes(); }

  absl::Status Run() override {
    const Shape& s = shape_;
    if (!IdsAreRows(args(), 1, s.batch * s.visible, s.patches)) return absl::OkStatus();
#pragma omp parallel for schedule(static) num_threads(threads_)
    for (int64_t b = 0; b < s.batch; ++b) {
      const float* dy = in<float>(0) + b * s.full_rows() * s.dim;
      const int32_t* ids = in<int32_t>(1) + b * s.visible;
      float* dx = out<float>(0) + b * s.short_rows() * s.dim;
      Copy(dy, dx, s.prefix * s.dim);
      dy += s.prefix * s.dim;
      dx += s.prefix * s.dim;
      for (int64_t v = 0; v < s.visible; ++v) Copy(dy + ids[v] * s.dim, dx + v * s.dim, s.dim);
    }
    MaskedRowSum(hidden_, in<float>(0), in<uint8_t>(2), scratch(), threads_, out<float>(1));
    return absl::OkStatus();
  }

 private:
  Shape shape_;
  MaskedRows hidden_;
  int threads_;
};

template <typename K>
std::unique_ptr<graph::Kernel> Make(const graph::KernelSpec& spec) {
  return std::make_unique<K>(spec);
}

}  // namespace

void RegisterRestoreRows(graph::KernelTable* table) {
  AddFloat32(table, "RestoreRows", Make<RestoreRowsKernel>);
  AddFloat32(table, "RestoreRowsGrad", Make<RestoreRowsGradKernel>);
}

}  // namespace backends::cpu::droppos
