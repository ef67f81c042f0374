#include "backends/cuda/kernel_util.h"
#include "backends/cuda/resize_rows_launch.h"

namespace backends::cuda {
namespace {

// Of the operator, with pictures of `height` x `width`.
GridOfRows GridOf(const graph::KernelSpec& spec, int64_t height, int64_t width) {
  return {spec.in(0).dim(0),
          static_cast<int>(spec.op->Int("grid_h")),
          static_cast<int>(spec.op->Int("grid_w")),
          static_cast<int>(height),
          static_cast<int>(width),
          spec.in(0).cols()};
}
GridOfRows GridOfResult(const graph::KernelSpec& spec) {
  return GridOf(spec, spec.op->Int("height"), spec.op->Int("width"));
}
GridOfRows GridOfLabels(const graph::KernelSpec& spec) {
  return GridOf(spec, spec.in(1).dim(1), spec.in(1).dim(2));
}

KernelOr MakeResizeRows(const graph::KernelSpec& spec) {
  return MakeKernel([grid = GridOfResult(spec)](const graph::KernelArgs& args, Stream stream) {
    return ResizeRows(grid, In<float>(args, 0), Out<float>(args, 0), stream);
  });
}

KernelOr MakeResizeRowsGrad(const graph::KernelSpec& spec) {
  const GridOfRows grid = GridOf(spec, spec.in(0).dim(1), spec.in(0).dim(2));
  return MakeKernel([grid](const graph::KernelArgs& args, Stream stream) {
    return ResizeRowsGrad(grid, In<float>(args, 0), Out<float>(args, 0), stream);
  });
}

KernelOr MakeArgmax(const graph::KernelSpec& spec) {
  return MakeKernel([grid = GridOfResult(spec)](const graph::KernelArgs& args, Stream stream) {
    return ResizedArgmax(grid, In<float>(args, 0), Out<uint8_t>(args, 0), stream);
  });
}

KernelOr MakeLoss(const graph::KernelSpec& spec) {
  const GridOfRows grid = GridOfLabels(spec);
  return MakeKernel(
      [grid](const graph::KernelArgs& args, Stream stream) {
        return ResizedCrossEntropy(
            {grid, In<float>(args, 0), In<uint8_t>(args, 1), Out<float>(args, 0),
             Out<int32_t>(args, 1), static_cast<double*>(args.scratch), FaultOf(args)},
            stream);
      },
      2 * static_cast<size_t>(grid.cells()) * sizeof(double));
}

KernelOr MakeLossGrad(const graph::KernelSpec& spec) {
  const GridOfRows grid = GridOfLabels(spec);
  return MakeKernel(
      [grid](const graph::KernelArgs& args, Stream stream) {
        return ResizedCrossEntropyGrad(
            {grid, In<float>(args, 0), In<uint8_t>(args, 1), In<int32_t>(args, 2),
             In<float>(args, 3), Out<float>(args, 0), static_cast<float*>(args.scratch),
             FaultOf(args)},
            stream);
      },
      4 * static_cast<size_t>(grid.cells() * grid.classes) * sizeof(float));
}

}  // namespace

void RegisterResizeRows(const DevicePtr&, graph::KernelTable* table) {
  AddFloat32(table, "ResizeRows", MakeResizeRows);
  AddFloat32(table, "ResizeRowsGrad", MakeResizeRowsGrad);
  AddFloat32(table, "ResizedArgmax", MakeArgmax);
  AddFloat32(table, "ResizedCrossEntropy", MakeLoss);
  AddFloat32(table, "ResizedCrossEntropyGrad", MakeLossGrad);
}

}  // namespace backends::cuda
