#include "backends/cuda/fill.h"

#include "absl/strings/str_cat.h"

namespace backends::cuda {
namespace {

KernelOr Make(const graph::KernelSpec& spec) {
  switch (spec.out(0).dtype) {
    case graph::DType::kF32:
      return MakeFill<float>(spec);
    case graph::DType::kI32:
      return MakeFill<int32_t>(spec);
    case graph::DType::kI64:
      return MakeFill<int64_t>(spec);
    case graph::DType::kU8:
      return MakeFill<uint8_t>(spec);
    default:
      return absl::UnimplementedError(
          absl::StrCat(DescribeTypes(spec), ": the cuda backend cannot fill this type"));
  }
}

}  // namespace

void RegisterFill(const DevicePtr&, graph::KernelTable* table) { AddFloat32(table, "Fill", Make); }

}  // namespace backends::cuda
