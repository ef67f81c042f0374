#include "backends/cuda/fill.h"

namespace backends::cuda {
namespace {

KernelOr Make(const graph::KernelSpec& spec) {
  return graph::VisitDType<float, int32_t, int64_t, uint8_t>(
      spec.out(0).dtype, [&](auto value) { return MakeFill<decltype(value)>(spec); });
}

}  // namespace

void RegisterFill(const DevicePtr&, graph::KernelTable* table) { AddFloat32(table, "Fill", Make); }

}  // namespace backends::cuda
