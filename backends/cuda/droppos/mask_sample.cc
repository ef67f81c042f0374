#include "absl/strings/str_cat.h"
#include "backends/cuda/droppos/mask_sample_launch.h"
#include "backends/cuda/kernel_util.h"

namespace backends::cuda::droppos {
namespace {

KernelOr MakeMaskSample(const graph::KernelSpec& spec) {
  const int64_t patches = spec.op->Int("num_patches");
  if (patches > kMaxPatches) {
    return absl::UnimplementedError(
        absl::StrCat(spec.op->Describe(), ": the cuda backend draws from at most ", kMaxPatches,
                     " patches an image, not num_patches=", patches,
                     "; the cpu backend has no limit"));
  }
  MaskSampleArgs p = {};
  p.batch = static_cast<int>(spec.in(0).dim(0));
  p.patches = static_cast<int>(patches);
  p.visible = static_cast<int>(spec.op->Int("num_visible"));
  p.kept = static_cast<int>(spec.op->Int("num_pos_kept"));
  return MakeKernel([p, fed = spec.inputs.size() == 2](const graph::KernelArgs& a, Stream stream) {
    MaskSampleArgs args = p;
    if (fed) {
      args.noise_patch = In<float>(a, 0);
      args.noise_pos = In<float>(a, 1);
    } else {
      args.keys = In<int64_t>(a, 0);
    }
    args.ids_keep = Out<int32_t>(a, 0);
    args.mask = Out<uint8_t>(a, 1);
    args.ids_restore = Out<int32_t>(a, 2);
    args.mask_pos = Out<uint8_t>(a, 3);
    args.ids_dropped = Out<int32_t>(a, 4);
    return MaskSample(args, stream);
  });
}

}  // namespace

void RegisterMaskSample(const DevicePtr&, graph::KernelTable* table) {
  AddFloat32(table, "MaskSample", MakeMaskSample);
}

}  // namespace backends::cuda::droppos
