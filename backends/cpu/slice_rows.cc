#include <algorithm>

#include "backends/cpu/kernel_util.h"

namespace backends::cpu {
namespace {

// SliceRows: y (B, count, C) = rows [start, start + count) of x (B, T, C).
// PadRows: y (B, rows, C) = x (B, count, C) at rows [start, start + count), zero elsewhere.
std::unique_ptr<graph::Kernel> MakeRows(const graph::KernelSpec& spec) {
  const bool pads = spec.op->type == "PadRows";
  const int64_t batch = spec.in(0).dim(0);
  const int64_t from_size = spec.in(0).dim(1) * spec.in(0).dim(2);
  const int64_t to_size = spec.out(0).dim(1) * spec.out(0).dim(2);
  const int64_t offset = spec.op->Int("start") * spec.in(0).dim(2);
  return MakeKernel([=, threads = spec.threads](const graph::KernelArgs& args) {
    const float* x = In<float>(args, 0);
    float* y = Out<float>(args, 0);
    ParallelFor(threads, batch, to_size, [=](int64_t image) {
      const float* from = x + image * from_size;
      float* to = y + image * to_size;
      if (pads) {
        std::fill_n(to, offset, 0.0f);
        std::copy_n(from, from_size, to + offset);
        std::fill(to + offset + from_size, to + to_size, 0.0f);
      } else {
        std::copy_n(from + offset, to_size, to);
      }
    });
  });
}

}  // namespace

void RegisterSliceRows(graph::KernelTable* table) {
  AddFloat32(table, "SliceRows", MakeRows);
  AddFloat32(table, "PadRows", MakeRows);
}

}  // namespace backends::cpu
