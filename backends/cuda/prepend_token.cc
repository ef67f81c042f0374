#include "backends/cuda/kernel_util.h"
#include "backends/cuda/row_copy_launch.h"

namespace backends::cuda {

void RegisterPrependToken(const DevicePtr&, graph::KernelTable* table) {
  AddFloat32OrBfloat16(table, "PrependToken", [](const graph::KernelSpec& spec) -> KernelOr {
    ShiftRowsArgs p = {};
    p.images = spec.in(0).dim(0);
    p.x_rows = static_cast<int>(spec.in(0).dim(1));
    p.y_rows = static_cast<int>(spec.out(0).dim(1));
    p.shift = -1;
    p.row_bytes = spec.in(0).dim(2) * static_cast<int64_t>(graph::ByteSize(spec.in(0).dtype));
    return MakeKernel([p](const graph::KernelArgs& a, Stream stream) {
      ShiftRowsArgs args = p;
      args.x = a.inputs[0];
      args.fill = a.inputs[1];
      args.y = a.outputs[0];
      return ShiftRows(args, stream);
    });
  });
}

}  // namespace backends::cuda
