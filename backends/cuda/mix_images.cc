#include "backends/cuda/kernel_util.h"
#include "backends/cuda/mix_images_launch.h"

namespace backends::cuda {

void RegisterMixImages(const DevicePtr&, graph::KernelTable* table) {
  AddFloat32(table, "MixImages", [](const graph::KernelSpec& spec) -> KernelOr {
    const graph::TensorType& images = spec.in(0);
    MixImagesArgs p = {};
    p.groups = spec.in(1).dim(0);
    p.group = static_cast<int>(images.dim(0) / p.groups);
    p.channels = static_cast<int>(images.dim(1));
    p.height = static_cast<int>(images.dim(2));
    p.width = static_cast<int>(images.dim(3));
    return MakeKernel([p](const graph::KernelArgs& a, Stream stream) {
      MixImagesArgs args = p;
      args.images = In<float>(a, 0);
      args.mode = In<int32_t>(a, 1);
      args.lam = In<float>(a, 2);
      args.box = In<int32_t>(a, 3);
      args.y = Out<float>(a, 0);
      args.fault = FaultOf(a);
      return MixImages(args, stream);
    });
  });
}

}  // namespace backends::cuda
