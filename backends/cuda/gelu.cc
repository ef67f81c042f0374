#include "backends/cuda/elementwise_launch.h"
#include "backends/cuda/kernel_util.h"

namespace backends::cuda {

void RegisterGelu(const DevicePtr&, graph::KernelTable* table) {
  AddFloat32OrBfloat16(table, "Gelu", [](const graph::KernelSpec& spec) -> KernelOr {
    return VisitFloat(spec.in(0).dtype, [&](auto x) {
      using T = decltype(x);
      return MakeKernel([n = spec.out(0).elements()](const graph::KernelArgs& args, Stream stream) {
        return Gelu(In<T>(args, 0), Out<T>(args, 0), n, stream);
      });
    });
  });
  AddFloat32OrBfloat16(table, "GeluGrad", [](const graph::KernelSpec& spec) -> KernelOr {
    return VisitFloat(spec.in(0).dtype, [&](auto x) {
      using T = decltype(x);
      return MakeKernel([n = spec.out(0).elements()](const graph::KernelArgs& args, Stream stream) {
        return GeluGrad(In<T>(args, 0), In<T>(args, 1), Out<T>(args, 0), n, stream);
      });
    });
  });
}

}  // namespace backends::cuda
