#include <algorithm>

#include "backends/cpu/kernel_util.h"
#include "ops/initializer.h"

namespace backends::cpu {
namespace {

absl::StatusOr<std::unique_ptr<graph::Kernel>> MakeInitial(const graph::KernelSpec& spec) {
  if (spec.out(0).dtype == graph::DType::kI32) {
    return MakeKernel([value = static_cast<int32_t>(spec.op->Float("value")),
                       n = spec.out(0).elements()](const graph::KernelArgs& args) {
      std::fill_n(Out<int32_t>(args, 0), n, value);
    });
  }
  return MakeKernel([initializer = ops::InitializerOf(*spec.op), n = spec.out(0).elements(),
                     threads = spec.threads](const graph::KernelArgs& args) {
    float* y = Out<float>(args, 0);
    ParallelPieces(threads, n, [&](int64_t begin, int64_t count) {
      ops::FillInitial(initializer, begin, absl::MakeSpan(y + begin, static_cast<size_t>(count)));
    });
  });
}

}  // namespace

void RegisterInitialize(graph::KernelTable* table) {
  AddFloat32(table, "XavierFill", MakeInitial);
  AddFloat32(table, "ConstantFill", MakeInitial);
}

}  // namespace backends::cpu
