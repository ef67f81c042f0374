#include "ops/clip_factors.h"

#include "backends/cuda/clip_factors_launch.h"
#include "backends/cuda/kernel_util.h"

namespace backends::cuda {
namespace {

using Args = ops::ClipFactorsArgs;

KernelOr MakeClipFactors(const graph::KernelSpec& spec) {
  const int n = static_cast<int>(spec.inputs.size()) - Args::kFirstNorm;
  return MakeKernel(
      [n, num_losses = spec.in(Args::kLosses).elements(), max_norm = spec.op->Float("max_norm"),
       global = spec.op->Str("mode") == "global"](const graph::KernelArgs& args, Stream stream) {
        return ClipFactors(
            {In<float>(args, Args::kLosses), num_losses, In<float>(args, Args::kLimit), args.fault,
             args.inputs.data() + Args::kFirstNorm, n, max_norm, global,
             Out<float>(args, Args::kFactors), Out<float>(args, Args::kGlobalNorm),
             Out<int32_t>(args, Args::kClipped), Out<int32_t>(args, Args::kApplied),
             static_cast<float*>(args.scratch)},
            stream);
      },
      static_cast<size_t>(n) * sizeof(float));
}

}  // namespace

void RegisterClipFactors(const DevicePtr&, graph::KernelTable* table) {
  AddFloat32(table, "ClipFactors", MakeClipFactors);
}

}  // namespace backends::cuda
