#include "backends/cuda/batch_norm_launch.h"
#include "backends/cuda/kernel_util.h"

namespace backends::cuda {
namespace {

KernelOr MakeBatchNorm(const graph::KernelSpec& spec) {
  return MakeKernel([rows = spec.in(0).rows(), cols = static_cast<int>(spec.in(0).cols()),
                     eps = spec.op->Float("eps"), momentum = spec.op->Float("momentum")](
                        const graph::KernelArgs& args, Stream stream) {
    return BatchNorm({In<float>(args, 0), In<float>(args, 1), In<float>(args, 2),
                      Out<float>(args, 0), Out<float>(args, 1), Out<float>(args, 2),
                      Out<float>(args, 3), rows, cols, eps, momentum},
                     stream);
  });
}

KernelOr MakeBatchNormGrad(const graph::KernelSpec& spec) {
  return MakeKernel([rows = spec.in(0).rows(), cols = static_cast<int>(spec.in(0).cols())](
                        const graph::KernelArgs& args, Stream stream) {
    return BatchNormGrad({In<float>(args, 0), In<float>(args, 1), In<float>(args, 2),
                          Out<float>(args, 0), rows, cols},
                         stream);
  });
}

KernelOr MakeBatchNormInference(const graph::KernelSpec& spec) {
  return MakeKernel([rows = spec.in(0).rows(), cols = static_cast<int>(spec.in(0).cols()),
                     eps = spec.op->Float("eps")](const graph::KernelArgs& args, Stream stream) {
    return BatchNormInference({In<float>(args, 0), In<float>(args, 1), In<float>(args, 2),
                               Out<float>(args, 0), rows, cols, eps},
                              stream);
  });
}

}  // namespace

void RegisterBatchNorm(const DevicePtr&, graph::KernelTable* table) {
  AddFloat32(table, "BatchNorm", MakeBatchNorm);
  AddFloat32(table, "BatchNormGrad", MakeBatchNormGrad);
  AddFloat32(table, "BatchNormInference", MakeBatchNormInference);
}

}  // namespace backends::cuda
