#include "ops/droppos/pixel_loss.h"

#include "backends/cuda/droppos/pixel_loss_launch.h"
#include "backends/cuda/kernel_util.h"

namespace backends::cuda::droppos {
namespace {

using Args = ops::droppos::PixelLossArgs;

PixelLossArgs ShapeOf(const graph::KernelSpec& spec) {
  const graph::TensorType& images = spec.in(Args::kImages);
  PixelLossArgs p = {};
  p.batch = static_cast<int>(images.dim(0));
  p.height = static_cast<int>(images.dim(2));
  p.width = static_cast<int>(images.dim(3));
  p.patch = static_cast<int>(spec.op->Int("patch"));
  p.normalise = spec.op->Int("norm_pix_loss") == 1;
  p.variance_eps = ops::droppos::kPixelVarianceEps;
  return p;
}

PixelLossArgs Bound(PixelLossArgs p, const graph::KernelArgs& a) {
  p.pred = In<float>(a, Args::kPred);
  p.images = In<float>(a, Args::kImages);
  p.mask = In<uint8_t>(a, Args::kMask);
  p.scratch = a.scratch;
  return p;
}

std::unique_ptr<graph::Kernel> MakeForward(const graph::KernelSpec& spec) {
  const PixelLossArgs shape = ShapeOf(spec);
  return MakeKernel(
      [shape](const graph::KernelArgs& a, Stream stream) {
        return PixelLoss(Bound(shape, a), Out<float>(a, Args::kLoss),
                         Out<float>(a, Args::kPerImage), stream);
      },
      PixelLossScratch(shape.batch));
}

std::unique_ptr<graph::Kernel> MakeGrad(const graph::KernelSpec& spec) {
  const PixelLossArgs shape = ShapeOf(spec);
  return MakeKernel(
      [shape](const graph::KernelArgs& a, Stream stream) {
        return PixelLossGrad(Bound(shape, a), In<float>(a, Args::kDLoss), Out<float>(a, 0),
                             stream);
      },
      PixelLossGradScratch());
}

}  // namespace

void RegisterPixelLoss(const DevicePtr&, graph::KernelTable* table) {
  AddFloat32(table, "PixelLoss", MakeForward);
  AddFloat32(table, "PixelLossGrad", MakeGrad);
}

}  // namespace backends::cuda::droppos
