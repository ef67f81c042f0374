#include "ops/drop_path_scales.h"

#include "backends/cuda/drop_path_scales_launch.h"
#include "backends/cuda/kernel_util.h"

namespace backends::cuda {

void RegisterDropPathScales(const DevicePtr&, graph::KernelTable* table) {
  AddFloat32(table, "DropPathScales", [](const graph::KernelSpec& spec) -> KernelOr {
    return MakeKernel([rates = spec.op->Floats("rates"), batch = spec.in(0).dim(0)](
                          const graph::KernelArgs& args, Stream stream) {
      return DropPathScales({In<int64_t>(args, 0), rates.data(),
                             static_cast<uint32_t>(graph::Purpose::kDropPath),
                             static_cast<int>(rates.size()), batch, Out<float>(args, 0)},
                            stream);
    });
  });
}

}  // namespace backends::cuda
