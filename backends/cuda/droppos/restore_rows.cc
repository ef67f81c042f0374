#include "backends/cuda/droppos/restore_rows_launch.h"
#include "backends/cuda/kernel_util.h"
#include "backends/cuda/row_copy_launch.h"
#include "backends/cuda/sum_rows_launch.h"

namespace backends::cuda::droppos {
namespace {

KernelOr MakeRestoreRows(const graph::KernelSpec& spec) {
  RestoreRowsArgs p = {};
  p.images = spec.in(0).dim(0);
  p.prefix = static_cast<int>(spec.op->Int("prefix"));
  p.visible = static_cast<int>(spec.in(2).dim(1));
  p.patches = static_cast<int>(spec.in(3).dim(1));
  p.row_bytes = spec.in(0).dim(2) * static_cast<int64_t>(graph::ByteSize(spec.in(0).dtype));
  return MakeKernel([p](const graph::KernelArgs& a, Stream stream) {
    RestoreRowsArgs args = p;
    args.x = a.inputs[0];
    args.mask_token = a.inputs[1];
    args.ids = In<int32_t>(a, 2);
    args.mask = In<uint8_t>(a, 3);
    args.y = a.outputs[0];
    args.fault = FaultOf(a);
    return RestoreRows(args, stream);
  });
}

// dx gathers the rows back, d_mask_token adds up those of the hidden places.
template <typename T>
std::unique_ptr<graph::Kernel> MakeRestoreRowsGrad(const graph::KernelSpec& spec) {
  GatherRowsArgs rows = {};
  rows.images = spec.in(0).dim(0);
  rows.prefix = static_cast<int>(spec.op->Int("prefix"));
  rows.rows = static_cast<int>(spec.in(2).dim(1));
  rows.picked = static_cast<int>(spec.in(1).dim(1));
  rows.row_bytes = spec.in(0).dim(2) * static_cast<int64_t>(sizeof(T));
  MaskedRowSumArgs<T> sum = {};
  sum.images = rows.images;
  sum.prefix = rows.prefix;
  sum.rows = rows.rows;
  sum.cols = spec.in(0).dim(2);
  return MakeKernel(
      [rows, sum](const graph::KernelArgs& a, Stream stream) {
        GatherRowsArgs gather = rows;
        gather.x = a.inputs[0];
        gather.ids = In<int32_t>(a, 1);
        gather.y = a.outputs[0];
        gather.fault = FaultOf(a);
        const int error = GatherRows(gather, stream);
        if (error != 0) return error;
        MaskedRowSumArgs<T> hidden = sum;
        hidden.x = In<T>(a, 0);
        hidden.mask = In<uint8_t>(a, 2);
        hidden.y = Out<T>(a, 1);
        hidden.scratch = a.scratch;
        return MaskedRowSum(hidden, stream);
      },
      MaskedRowSumScratch<T>(sum.images, sum.rows, sum.cols));
}

}  // namespace

void RegisterRestoreRows(const DevicePtr&, graph::KernelTable* table) {
  AddFloat32OrBfloat16(table, "RestoreRows", MakeRestoreRows);
  AddFloat32OrBfloat16(table, "RestoreRowsGrad", [](const graph::KernelSpec& spec) {
    return VisitFloat(spec.in(0).dtype,
                      [&](auto dy) { return MakeRestoreRowsGrad<decltype(dy)>(spec); });
  });
}

}  // namespace backends::cuda::droppos
