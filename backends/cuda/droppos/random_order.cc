#include "ops/droppos/random_order.h"

#include "absl/strings/str_cat.h"
#include "backends/cuda/droppos/random_order_launch.h"
#include "backends/cuda/kernel_util.h"

namespace backends::cuda::droppos {
namespace {

KernelOr MakeRandomOrder(const graph::KernelSpec& spec) {
  const int64_t count = spec.out(0).dim(1);
  if (count > kMaxCount) {
    return absl::UnimplementedError(
        absl::StrCat(spec.op->Describe(), ": the cuda backend orders at most ", kMaxCount,
                     " elements an image, not count=", count, "; the cpu backend has no limit"));
  }
  RandomOrderArgs p = {};
  p.purpose = static_cast<uint32_t>(*ops::droppos::OrderPurpose(spec.op->Str("purpose")));
  p.batch = static_cast<int>(spec.out(0).dim(0));
  p.count = static_cast<int>(count);
  const bool keyed = spec.in(0).dtype == graph::DType::kI64;
  return MakeKernel([p, keyed](const graph::KernelArgs& a, Stream stream) {
    RandomOrderArgs args = p;
    if (keyed) {
      args.keys = In<int64_t>(a, 0);
    } else {
      args.noise = In<float>(a, 0);
    }
    args.order = Out<int32_t>(a, 0);
    args.inverse = Out<int32_t>(a, 1);
    return RandomOrder(args, stream);
  });
}

}  // namespace

void RegisterRandomOrder(const DevicePtr&, graph::KernelTable* table) {
  AddFloat32(table, "RandomOrder", MakeRandomOrder);
}

}  // namespace backends::cuda::droppos
