#include "backends/cuda/kernel_util.h"
#include "backends/cuda/row_copy_launch.h"

namespace backends::cuda {
namespace {

KernelOr MakeGather(const graph::KernelSpec& spec) {
  GatherRowsArgs p = {};
  p.images = spec.in(0).dim(0);
  p.rows = static_cast<int>(spec.in(0).dim(1));
  p.picked = static_cast<int>(spec.in(1).dim(1));
  p.row_bytes = spec.in(0).dim(2) * static_cast<int64_t>(graph::ByteSize(spec.in(0).dtype));
  return MakeKernel([p](const graph::KernelArgs& a, Stream stream) {
    GatherRowsArgs args = p;
    args.x = a.inputs[0];
    args.ids = In<int32_t>(a, 1);
    args.y = a.outputs[0];
    args.fault = FaultOf(a);
    return GatherRows(args, stream);
  });
}

template <typename T>
std::unique_ptr<graph::Kernel> MakeScatter(const graph::KernelSpec& spec) {
  ScatterRowsArgs<T> p = {};
  p.images = spec.in(0).dim(0);
  p.picked = static_cast<int>(spec.in(0).dim(1));
  p.rows = static_cast<int>(spec.out(0).dim(1));
  p.cols = static_cast<int>(spec.in(0).dim(2));
  return MakeKernel([p](const graph::KernelArgs& a, Stream stream) {
    ScatterRowsArgs<T> args = p;
    args.x = In<T>(a, 0);
    args.ids = In<int32_t>(a, 1);
    args.y = Out<T>(a, 0);
    args.fault = FaultOf(a);
    return ScatterRows(args, stream);
  });
}

}  // namespace

void RegisterGatherRows(const DevicePtr&, graph::KernelTable* table) {
  AddFloat32OrBfloat16(table, "GatherRows", MakeGather);
  AddFloat32OrBfloat16(table, "ScatterRows", [](const graph::KernelSpec& spec) {
    return VisitFloat(spec.in(0).dtype, [&](auto x) { return MakeScatter<decltype(x)>(spec); });
  });
}

}  // namespace backends::cuda
