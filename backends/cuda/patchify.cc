#include "backends/cuda/kernel_util.h"
#include "backends/cuda/row_copy_launch.h"

namespace backends::cuda {

void RegisterPatchify(const DevicePtr&, graph::KernelTable* table) {
  AddFloat32OrBfloat16(table, "Patchify", [](const graph::KernelSpec& spec) -> KernelOr {
    const graph::TensorType& images = spec.in(0);
    PatchifyArgs p = {};
    p.batch = images.dim(0);
    p.channels = static_cast<int>(images.dim(1));
    p.height = static_cast<int>(images.dim(2));
    p.width = static_cast<int>(images.dim(3));
    p.patch = static_cast<int>(spec.op->Int("patch"));
    p.element_bytes = static_cast<int>(graph::ByteSize(images.dtype));
    return MakeKernel([p](const graph::KernelArgs& a, Stream stream) {
      PatchifyArgs args = p;
      args.images = a.inputs[0];
      args.y = a.outputs[0];
      return Patchify(args, stream);
    });
  });
}

}  // namespace backends::cuda
