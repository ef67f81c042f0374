#include <cstring>

#include "backends/cpu/kernel_util.h"

namespace backends::cpu {
namespace {

// y (B, count, C) = rows [start, start + count) of x (B, T, C).
absl::StatusOr<std::unique_ptr<graph::Kernel>> MakeSlice(const graph::KernelSpec& spec) {
  const int64_t batch = spec.in(0).dim(0);
  const int64_t from_size = spec.in(0).dim(1) * spec.in(0).dim(2);
  const int64_t to_size = spec.out(0).dim(1) * spec.out(0).dim(2);
  const int64_t offset = spec.op->Int("start") * spec.in(0).dim(2);
  return MakeKernel([=, threads = spec.threads](const graph::KernelArgs& args) {
    const float* x = In<float>(args, 0);
    float* y = Out<float>(args, 0);
    ParallelFor(threads, batch, to_size, [=](int64_t image) {
      std::memcpy(y + image * to_size, x + image * from_size + offset, to_size * sizeof(float));
    });
  });
}

// y (B, rows, C) = x (B, count, C) at rows [start, start + count), zero elsewhere.
absl::StatusOr<std::unique_ptr<graph::Kernel>> MakePad(const graph::KernelSpec& spec) {
  const int64_t batch = spec.in(0).dim(0);
  const int64_t from_size = spec.in(0).dim(1) * spec.in(0).dim(2);
  const int64_t to_size = spec.out(0).dim(1) * spec.out(0).dim(2);
  const int64_t offset = spec.op->Int("start") * spec.in(0).dim(2);
  return MakeKernel([=, threads = spec.threads](const graph::KernelArgs& args) {
    const float* x = In<float>(args, 0);
    float* y = Out<float>(args, 0);
    ParallelFor(threads, batch, to_size, [=](int64_t image) {
      float* to = y + image * to_size;
      std::fill_n(to, offset, 0.0f);
      std::memcpy(to + offset, x + image * from_size, from_size * sizeof(float));
      std::fill(to + offset + from_size, to + to_size, 0.0f);
    });
  });
}

}  // namespace

void RegisterSliceRows(graph::KernelTable* table) {
  AddFloat32(table, "SliceRows", MakeSlice);
  AddFloat32(table, "PadRows", MakePad);
}

}  // namespace backends::cpu
