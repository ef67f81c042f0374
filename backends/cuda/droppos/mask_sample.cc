#include "backends/cuda/droppos/mask_sample_launch.h"
#include "backends/cuda/kernel_util.h"

namespace backends::cuda::droppos {

void RegisterMaskSample(const DevicePtr&, graph::KernelTable* table) {
  AddFloat32OrBfloat16(table, "MaskSample", [](const graph::KernelSpec& spec) {
    MaskSampleArgs p = {};
    p.batch = static_cast<int>(spec.in(0).dim(0));
    p.patches = static_cast<int>(spec.op->Int("num_patches"));
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
  });
}

}  // namespace backends::cuda::droppos
