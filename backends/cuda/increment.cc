#include "backends/cuda/elementwise_launch.h"
#include "backends/cuda/kernel_util.h"

namespace backends::cuda {

void RegisterIncrement(const DevicePtr&, graph::KernelTable* table) {
  AddFloat32(table, "Increment", [](const graph::KernelSpec&) -> KernelOr {
    return MakeKernel([](const graph::KernelArgs& args, Stream stream) {
      return Increment(In<int32_t>(args, 0), In<int32_t>(args, 1), Out<int32_t>(args, 0), stream);
    });
  });
}

}  // namespace backends::cuda
