#include "backends/cuda/kernel_util.h"

#include <cuda_runtime_api.h>

namespace backends::cuda {

KernelOr MakeCopy(const graph::KernelSpec& spec) {
  return MakeKernel([bytes = spec.out(0).bytes()](const graph::KernelArgs& args, Stream stream) {
    const void* const x = args.inputs[0];
    void* const y = args.outputs[0];
    if (x == y || bytes == 0) return 0;
    return static_cast<int>(cudaMemcpyAsync(y, x, bytes, cudaMemcpyDeviceToDevice, stream));
  });
}

}  // namespace backends::cuda
