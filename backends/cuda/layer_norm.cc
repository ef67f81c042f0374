#include "backends/cuda/kernel_util.h"
#include "backends/cuda/layer_norm_launch.h"

namespace backends::cuda {
namespace {

template <typename X, typename Y>
std::unique_ptr<graph::Kernel> MakeLayerNorm(const graph::KernelSpec& spec) {
  return MakeKernel([rows = spec.in(0).rows(), cols = static_cast<int>(spec.in(0).cols()),
                     eps = spec.op->Float("eps")](const graph::KernelArgs& args, Stream stream) {
    return LayerNorm(
        LayerNormArgs<X, Y>{In<X>(args, 0), In<float>(args, 1), In<float>(args, 2),
                            Out<Y>(args, 0), Out<float>(args, 1), Out<float>(args, 2), rows, cols,
                            eps},
        stream);
  });
}

template <typename X, typename DY>
std::unique_ptr<graph::Kernel> MakeLayerNormGrad(const graph::KernelSpec& spec) {
  const int64_t rows = spec.in(0).rows();
  const int cols = static_cast<int>(spec.in(0).cols());
  return MakeKernel(
      [=, eps = spec.op->Float("eps"), skip = spec.inputs.size() > 5](const graph::KernelArgs& args,
                                                                      Stream stream) {
        return LayerNormGrad(
            LayerNormGradArgs<X, DY>{In<X>(args, 0), In<float>(args, 1), In<float>(args, 2),
                                     In<float>(args, 3), In<DY>(args, 4),
                                     skip ? In<float>(args, 5) : nullptr, Out<float>(args, 0),
                                     Out<float>(args, 1), Out<float>(args, 2),
                                     static_cast<float*>(args.scratch), rows, cols, eps},
            stream);
      },
      LayerNormGradScratch(rows, cols) * sizeof(float));
}

}  // namespace

void RegisterLayerNorm(const DevicePtr&, graph::KernelTable* table) {
  AddFloat32OrBfloat16(table, "LayerNorm", [](const graph::KernelSpec& spec) {
    return VisitFloat(spec.in(0).dtype, [&](auto x) {
      return VisitFloat(spec.out(0).dtype,
                        [&](auto y) { return MakeLayerNorm<decltype(x), decltype(y)>(spec); });
    });
  });
  AddFloat32OrBfloat16(table, "LayerNormGrad", [](const graph::KernelSpec& spec) {
    return VisitFloat(spec.in(0).dtype, [&](auto x) {
      return VisitFloat(spec.in(4).dtype, [&](auto dy) {
        return MakeLayerNormGrad<decltype(x), decltype(dy)>(spec);
      });
    });
  });
}

}  // namespace backends::cuda
