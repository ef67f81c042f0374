#include "backends/cuda/elementwise_launch.h"
#include "backends/cuda/kernel_util.h"

namespace backends::cuda {
namespace {

template <typename X, typename Y>
KernelOr MakeScaleImages(const graph::KernelSpec& spec) {
  const int64_t n = spec.out(0).elements(), images = spec.in(0).dim(0);
  return MakeKernel([=, elements = images == 0 ? 1 : n / images,
                     first = spec.op->Int("index") * images](const graph::KernelArgs& args,
                                                             Stream stream) {
    return ScaleImages(In<X>(args, 0), In<float>(args, 1) + first, elements, Out<Y>(args, 0), n,
                       stream);
  });
}

}  // namespace

void RegisterScaleImages(const DevicePtr&, graph::KernelTable* table) {
  AddFloat32OrBfloat16(table, "ScaleImages", [](const graph::KernelSpec& spec) {
    return VisitFloat(spec.in(0).dtype, [&](auto x) {
      return VisitFloat(spec.out(0).dtype,
                        [&](auto y) { return MakeScaleImages<decltype(x), decltype(y)>(spec); });
    });
  });
}

}  // namespace backends::cuda
