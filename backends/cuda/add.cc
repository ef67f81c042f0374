#include "backends/cuda/elementwise_launch.h"
#include "backends/cuda/kernel_util.h"

namespace backends::cuda {

void RegisterAdd(const DevicePtr&, graph::KernelTable* table) {
  AddFloat32OrBfloat16(table, "Add", [](const graph::KernelSpec& spec) -> KernelOr {
    return VisitFloat(spec.in(0).dtype, [&](auto a) {
      return VisitFloat(spec.in(1).dtype, [&](auto b) {
        using A = decltype(a);
        using B = decltype(b);
        return MakeKernel(
            [n = spec.out(0).elements()](const graph::KernelArgs& args, Stream stream) {
              return Add(In<A>(args, 0), In<B>(args, 1), Out<SumOf<A, B>>(args, 0), n, stream);
            });
      });
    });
  });
}

}  // namespace backends::cuda
