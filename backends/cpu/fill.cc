#include <algorithm>

#include "backends/cpu/kernel_util.h"

namespace backends::cpu {
namespace {

template <typename T>
std::unique_ptr<graph::Kernel> MakeFill(const graph::KernelSpec& spec) {
  return MakeKernel([n = spec.out(0).elements(), value = static_cast<T>(spec.op->Float("value")),
                     threads = spec.threads](const graph::KernelArgs& args) {
    T* y = Out<T>(args, 0);
    ParallelPieces(threads, n,
                   [=](int64_t begin, int64_t count) { std::fill_n(y + begin, count, value); });
  });
}

absl::StatusOr<std::unique_ptr<graph::Kernel>> Make(const graph::KernelSpec& spec) {
  return graph::VisitDType<float, int32_t, int64_t, uint8_t>(
      spec.out(0).dtype, [&](auto value) { return MakeFill<decltype(value)>(spec); });
}

}  // namespace

void RegisterFill(graph::KernelTable* table) { AddFloat32(table, "Fill", Make); }

}  // namespace backends::cpu
