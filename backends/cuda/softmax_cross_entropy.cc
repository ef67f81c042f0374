#include "backends/cuda/softmax_cross_entropy_launch.h"

#include "backends/cuda/kernel_util.h"

namespace backends::cuda {
namespace {

// Those of an operator with the optional input `lam`, before its memory is known.
SoftTargets SoftTargetsOf(const graph::KernelSpec& spec, size_t lam) {
  SoftTargets soft = {};
  soft.smoothing = spec.op->Float("smoothing");
  if (spec.inputs.size() > lam) {
    soft.group = spec.in(1).elements() / spec.in(static_cast<int>(lam)).dim(0);
  }
  return soft;
}

SoftTargets Bound(SoftTargets soft, const graph::KernelArgs& args, size_t lam) {
  if (args.inputs.size() > lam) soft.lam = In<float>(args, static_cast<int>(lam));
  return soft;
}

KernelOr MakeLoss(const graph::KernelSpec& spec) {
  const int64_t rows = spec.in(1).elements();
  return MakeKernel(
      [rows, classes = static_cast<int>(spec.in(0).cols()), soft = SoftTargetsOf(spec, 2)](
          const graph::KernelArgs& args, Stream stream) {
        return SoftmaxCrossEntropy(
            {In<float>(args, 0), In<int32_t>(args, 1), Out<float>(args, 0), Out<int32_t>(args, 1),
             static_cast<float*>(args.scratch), rows, classes, FaultOf(args), Bound(soft, args, 2)},
            stream);
      },
      static_cast<size_t>(rows) * sizeof(float));
}

KernelOr MakeLossGrad(const graph::KernelSpec& spec) {
  return MakeKernel(
      [rows = spec.in(1).elements(), classes = static_cast<int>(spec.in(0).cols()),
       soft = SoftTargetsOf(spec, 3)](const graph::KernelArgs& args, Stream stream) {
        return SoftmaxCrossEntropyGrad(
            {In<float>(args, 0), In<int32_t>(args, 1), In<float>(args, 2), Out<float>(args, 0),
             static_cast<float*>(args.scratch), rows, classes, FaultOf(args), Bound(soft, args, 3)},
            stream);
      },
      sizeof(float));
}

}  // namespace

void RegisterSoftmaxCrossEntropy(const DevicePtr&, graph::KernelTable* table) {
  AddFloat32(table, "SoftmaxCrossEntropy", MakeLoss);
  AddFloat32(table, "SoftmaxCrossEntropyGrad", MakeLossGrad);
}

}  // namespace backends::cuda
