#include "backends/cuda/elementwise_launch.h"
#include "backends/cuda/kernel_util.h"

namespace backends::cuda {

void RegisterCommit(const DevicePtr&, graph::KernelTable* table) {
  AddFloat32(table, "Commit", [](const graph::KernelSpec& spec) -> KernelOr {
    return MakeKernel([n = spec.out(0).elements()](const graph::KernelArgs& args, Stream stream) {
      return Commit(In<int32_t>(args, 0), In<float>(args, 1), In<float>(args, 2),
                    Out<float>(args, 0), n, stream);
    });
  });
}

}  // namespace backends::cuda
