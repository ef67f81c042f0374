#include "ops/droppos/position_weights.h"

#include "backends/cuda/droppos/position_weights_launch.h"
#include "backends/cuda/kernel_util.h"

namespace backends::cuda::droppos {
namespace {

PositionWeightsArgs ArgsOf(const graph::KernelSpec& spec) {
  PositionWeightsArgs p = {};
  p.batch = static_cast<int>(spec.in(0).dim(0));
  p.patches = static_cast<int>(spec.in(0).dim(1) - 1);
  p.visible = static_cast<int>(spec.out(0).dim(1));
  p.dim = static_cast<int>(spec.in(0).dim(2));
  p.tau = spec.op->Float("tau");
  p.min_norm = static_cast<float>(ops::droppos::kCosineEps);
  return p;
}

std::unique_ptr<graph::Kernel> MakePositionWeights(const graph::KernelSpec& spec) {
  return MakeKernel([p = ArgsOf(spec)](const graph::KernelArgs& a, Stream stream) {
    PositionWeightsArgs args = p;
    args.features = In<float>(a, 0);
    args.ids_keep = In<int32_t>(a, 1);
    args.weights = Out<float>(a, 0);
    args.full = Out<float>(a, 1);
    args.fault = FaultOf(a);
    return PositionWeights(args, stream);
  });
}

std::unique_ptr<graph::Kernel> MakeGathered(const graph::KernelSpec& spec) {
  return MakeKernel([p = ArgsOf(spec)](const graph::KernelArgs& a, Stream stream) {
    PositionWeightsArgs args = p;
    args.features = In<float>(a, 0);
    args.full = Out<float>(a, 0);
    return PositionWeights(args, stream);
  });
}

std::unique_ptr<graph::Kernel> MakeTokenRows(const graph::KernelSpec& spec) {
  return MakeKernel([batch = spec.in(0).dim(0), visible = spec.in(0).dim(1)](
                        const graph::KernelArgs& a, Stream stream) {
    return TokenRows(In<int32_t>(a, 0), batch, visible, Out<int32_t>(a, 0), stream);
  });
}

}  // namespace

void RegisterPositionWeights(const DevicePtr&, graph::KernelTable* table) {
  AddFloat32(table, "PositionWeights", MakePositionWeights);
  AddFloat32(table, "GatheredPositionWeights", MakeGathered);
  AddFloat32(table, "TokenRows", MakeTokenRows);
}

}  // namespace backends::cuda::droppos
