#include "backends/cuda/softmax_cross_entropy_launch.h"

#include "backends/cuda/kernel_util.h"

namespace backends::cuda {
namespace {

KernelOr MakeLoss(const graph::KernelSpec& spec) {
  const int64_t rows = spec.in(1).elements();
  return MakeKernel(
      [rows, classes = static_cast<int>(spec.in(0).cols())](const graph::KernelArgs& args,
                                                            Stream stream) {
        return SoftmaxCrossEntropy(
            {In<float>(args, 0), In<int32_t>(args, 1), Out<float>(args, 0), Out<int32_t>(args, 1),
             static_cast<float*>(args.scratch), rows, classes, FaultOf(args)},
            stream);
      },
      static_cast<size_t>(rows) * sizeof(float));
}

KernelOr MakeLossGrad(const graph::KernelSpec& spec) {
  return MakeKernel(
      [rows = spec.in(1).elements(), classes = static_cast<int>(spec.in(0).cols())](
          const graph::KernelArgs& args, Stream stream) {
        return SoftmaxCrossEntropyGrad(
            {In<float>(args, 0), In<int32_t>(args, 1), In<float>(args, 2), Out<float>(args, 0),
             static_cast<float*>(args.scratch), rows, classes, FaultOf(args)},
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
