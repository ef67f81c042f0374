#include "ops/drop_path_scales.h"

#include "backends/cpu/kernel_util.h"

namespace backends::cpu {

// On one thread: there are as many numbers as branches of images.
void RegisterDropPathScales(graph::KernelTable* table) {
  AddFloat32(table, "DropPathScales", [](const graph::KernelSpec& spec) {
    return MakeKernel([rates = spec.op->Floats("rates"),
                       batch = spec.in(0).dim(0)](const graph::KernelArgs& args) {
      const int64_t* keys = In<int64_t>(args, 0);
      float* scales = Out<float>(args, 0);
      for (size_t n = 0; n < rates.size(); ++n) {
        for (int64_t b = 0; b < batch; ++b) {
          *scales++ = static_cast<float>(
              ops::DropPathScale(static_cast<uint64_t>(keys[b]), n, rates[n]));
        }
      }
    });
  });
}

}  // namespace backends::cpu
