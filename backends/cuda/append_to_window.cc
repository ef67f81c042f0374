#include "backends/cuda/kernel_util.h"
#include "backends/cuda/row_copy_launch.h"

namespace backends::cuda {

void RegisterAppendToWindow(const DevicePtr&, graph::KernelTable* table) {
  AddFloat32OrBfloat16(table, "AppendToWindow", [](const graph::KernelSpec& spec) {
    return VisitFloat(spec.in(0).dtype, [&](auto x) {
      using T = decltype(x);
      return MakeKernel([n = spec.in(0).elements()](const graph::KernelArgs& args, Stream stream) {
        return AppendToWindow(In<T>(args, 0), In<T>(args, 1), Out<T>(args, 0), n, stream);
      });
    });
  });
}

}  // namespace backends::cuda
