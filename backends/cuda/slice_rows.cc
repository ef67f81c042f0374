#include "backends/cuda/kernel_util.h"
#include "backends/cuda/row_copy_launch.h"

namespace backends::cuda {
namespace {

// SliceRows takes rows from `start` on, PadRows puts them there.
KernelOr MakeRows(const graph::KernelSpec& spec) {
  ShiftRowsArgs p = {};
  p.images = spec.in(0).dim(0);
  p.x_rows = static_cast<int>(spec.in(0).dim(1));
  p.y_rows = static_cast<int>(spec.out(0).dim(1));
  const int start = static_cast<int>(spec.op->Int("start"));
  p.shift = spec.op->type == "PadRows" ? -start : start;
  p.row_bytes = spec.in(0).dim(2) * static_cast<int64_t>(graph::ByteSize(spec.in(0).dtype));
  return MakeKernel([p](const graph::KernelArgs& a, Stream stream) {
    ShiftRowsArgs args = p;
    args.x = a.inputs[0];
    args.y = a.outputs[0];
    return ShiftRows(args, stream);
  });
}

}  // namespace

void RegisterSliceRows(const DevicePtr&, graph::KernelTable* table) {
  AddFloat32OrBfloat16(table, "SliceRows", MakeRows);
  AddFloat32OrBfloat16(table, "PadRows", MakeRows);
}

}  // namespace backends::cuda
