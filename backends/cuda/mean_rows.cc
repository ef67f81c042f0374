#include "backends/cuda/kernel_util.h"
#include "backends/cuda/mean_rows_launch.h"

namespace backends::cuda {
namespace {

MeanRange RangeOf(const graph::Op& op, int64_t rows) {
  return {static_cast<int>(rows), static_cast<int>(op.Int("start")),
          static_cast<int>(op.Int("count"))};
}

template <typename T>
std::unique_ptr<graph::Kernel> MakeMean(const graph::KernelSpec& spec) {
  MeanRowsArgs<T> p = {};
  p.images = spec.in(0).dim(0);
  p.cols = static_cast<int>(spec.in(0).dim(2));
  p.range = RangeOf(*spec.op, spec.in(0).dim(1));
  return MakeKernel([p](const graph::KernelArgs& a, Stream stream) {
    MeanRowsArgs<T> args = p;
    args.x = In<T>(a, 0);
    args.y = Out<float>(a, 0);
    return MeanRows(args, stream);
  });
}

KernelOr MakeMeanGrad(const graph::KernelSpec& spec) {
  MeanRowsGradArgs p = {};
  p.images = spec.in(0).dim(0);
  p.cols = static_cast<int>(spec.in(0).dim(1));
  p.range = RangeOf(*spec.op, spec.out(0).dim(1));
  return MakeKernel([p](const graph::KernelArgs& a, Stream stream) {
    MeanRowsGradArgs args = p;
    args.dy = In<float>(a, 0);
    args.dx = Out<float>(a, 0);
    return MeanRowsGrad(args, stream);
  });
}

}  // namespace

void RegisterMeanRows(const DevicePtr&, graph::KernelTable* table) {
  AddFloat32OrBfloat16(table, "MeanRows", [](const graph::KernelSpec& spec) {
    return VisitFloat(spec.in(0).dtype, [&](auto x) { return MakeMean<decltype(x)>(spec); });
  });
  AddFloat32(table, "MeanRowsGrad", MakeMeanGrad);
}

}  // namespace backends::cuda
