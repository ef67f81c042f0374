#include "backends/cuda/add_layer_norm_launch.h"

#include "backends/cuda/kernel_util.h"

namespace backends::cuda {
namespace {

template <typename A, typename B, typename Y>
KernelOr MakeAddLayerNorm(const graph::KernelSpec& spec) {
  const int64_t rows = spec.in(0).rows();
  const bool scaled = spec.inputs.size() > 4;
  const int64_t images = scaled ? spec.in(0).dim(0) : 1;
  const int64_t first = scaled ? spec.op->Int("index") * images : 0;
  return MakeKernel([=, rows_of_image = images == 0 ? 1 : rows / images,
                     cols = static_cast<int>(spec.in(0).cols()),
                     eps = spec.op->Float("eps")](const graph::KernelArgs& args, Stream stream) {
    return AddLayerNorm(
        AddLayerNormArgs<A, B, Y>{In<A>(args, 0), In<B>(args, 1), In<float>(args, 2),
                                  In<float>(args, 3), Out<float>(args, 0), Out<Y>(args, 1),
                                  Out<float>(args, 2), Out<float>(args, 3), rows, cols, eps,
                                  scaled ? In<float>(args, 4) + first : nullptr, rows_of_image},
        stream);
  });
}

}  // namespace

void RegisterAddLayerNorm(const DevicePtr&, graph::KernelTable* table) {
  AddFloat32OrBfloat16(table, "AddLayerNorm", [](const graph::KernelSpec& spec) {
    return VisitFloat(spec.in(0).dtype, [&](auto a) {
      return VisitFloat(spec.in(1).dtype, [&](auto b) {
        return VisitFloat(spec.out(1).dtype, [&](auto y) {
          return MakeAddLayerNorm<decltype(a), decltype(b), decltype(y)>(spec);
        });
      });
    });
  });
}

}  // namespace backends::cuda
