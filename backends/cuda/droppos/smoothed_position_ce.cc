#include "ops/droppos/smoothed_position_ce.h"

#include "backends/cuda/droppos/smoothed_position_ce_launch.h"
#include "backends/cuda/kernel_util.h"

namespace backends::cuda::droppos {
namespace {

using Args = ops::droppos::SmoothedPositionCEArgs;
using GradArgs = ops::droppos::SmoothedPositionCEGradArgs;

SmoothedPositionCEShape ShapeOf(const graph::KernelSpec& spec) {
  const graph::TensorType& logits = spec.in(Args::kLogits);
  return {static_cast<int>(logits.dim(0)),
          static_cast<int>(logits.dim(1)),
          static_cast<int>(logits.dim(2)),
          static_cast<int>(spec.op->Int("grid_h")),
          static_cast<int>(spec.op->Int("grid_w")),
          spec.op->Str("targets") == "official",
          spec.op->Int("conf_ignore") == 1};
}

// `weights` is the position of the optional input.
SmoothedPositionCEInputs InputsOf(const graph::KernelArgs& a, size_t weights) {
  return {In<float>(a, Args::kLogits),
          In<int32_t>(a, Args::kIdsKeep),
          In<uint8_t>(a, Args::kMaskPos),
          In<float>(a, Args::kSigma),
          a.inputs.size() > weights ? In<float>(a, static_cast<int>(weights)) : nullptr,
          a.scratch,
          FaultOf(a)};
}

std::unique_ptr<graph::Kernel> MakeForward(const graph::KernelSpec& spec) {
  const SmoothedPositionCEShape shape = ShapeOf(spec);
  return MakeKernel(
      [shape](const graph::KernelArgs& a, Stream stream) {
        return SmoothedPositionCE(
            shape, InputsOf(a, Args::kWeights),
            {Out<float>(a, Args::kLoss), Out<float>(a, Args::kAccuracy),
             Out<float>(a, Args::kAccuracyWeighted), Out<int32_t>(a, Args::kCorrect),
             Out<int32_t>(a, Args::kScored), Out<int32_t>(a, Args::kIgnored)},
            stream);
      },
      shape.scratch_bytes());
}

std::unique_ptr<graph::Kernel> MakeGrad(const graph::KernelSpec& spec) {
  const SmoothedPositionCEShape shape = ShapeOf(spec);
  return MakeKernel(
      [shape](const graph::KernelArgs& a, Stream stream) {
        return SmoothedPositionCEGrad(shape, InputsOf(a, GradArgs::kWeights),
                                      In<float>(a, GradArgs::kDLoss), Out<float>(a, 0), stream);
      },
      shape.scratch_bytes());
}

}  // namespace

void RegisterSmoothedPositionCE(const DevicePtr&, graph::KernelTable* table) {
  AddFloat32(table, "SmoothedPositionCE", MakeForward);
  AddFloat32(table, "SmoothedPositionCEGrad", MakeGrad);
}

}  // namespace backends::cuda::droppos
