#include "backends/cuda/elementwise_launch.h"
#include "backends/cuda/kernel_util.h"

namespace backends::cuda {

void RegisterCast(const DevicePtr&, graph::KernelTable* table) {
  AddFloat32OrBfloat16(table, "Cast", [](const graph::KernelSpec& spec) -> KernelOr {
    if (spec.in(0).dtype == spec.out(0).dtype) return MakeCopy(spec);
    const int64_t n = spec.out(0).elements();
    if (spec.in(0).dtype == graph::DType::kF32) {
      return MakeKernel([n](const graph::KernelArgs& args, Stream stream) {
        return Cast(In<float>(args, 0), Out<BFloat16>(args, 0), n, stream);
      });
    }
    return MakeKernel([n](const graph::KernelArgs& args, Stream stream) {
      return Cast(In<BFloat16>(args, 0), Out<float>(args, 0), n, stream);
    });
  });
}

}  // namespace backends::cuda
