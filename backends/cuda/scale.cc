#include "backends/cuda/elementwise_launch.h"
#include "backends/cuda/kernel_util.h"

namespace backends::cuda {

void RegisterScale(const DevicePtr&, graph::KernelTable* table) {
  AddFloat32(table, "Scale", [](const graph::KernelSpec& spec) -> KernelOr {
    return MakeKernel([n = spec.out(0).elements(), value = spec.op->Float("value"),
                       has_factors = spec.inputs.size() == 2, index = spec.op->Int("index")](
                          const graph::KernelArgs& args, Stream stream) {
      const float* factor = has_factors ? In<float>(args, 1) + index : nullptr;
      return Scale(In<float>(args, 0), value, factor, Out<float>(args, 0), n, stream);
    });
  });
}

}  // namespace backends::cuda
