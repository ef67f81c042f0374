#include "backends/cuda/elementwise_launch.h"
#include "backends/cuda/kernel_util.h"

namespace backends::cuda {

void RegisterBiasAdd(const DevicePtr&, graph::KernelTable* table) {
  AddFloat32(table, "BiasAdd", [](const graph::KernelSpec& spec) -> KernelOr {
    return MakeKernel([n = spec.out(0).elements(), suffix = spec.in(1).elements()](
                          const graph::KernelArgs& args, Stream stream) {
      return BiasAdd(In<float>(args, 0), In<float>(args, 1), suffix, Out<float>(args, 0), n,
                     stream);
    });
  });
}

}  // namespace backends::cuda
