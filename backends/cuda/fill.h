// Kernels that write one value everywhere, for Fill and for constant initial values.
#ifndef BACKENDS_CUDA_FILL_H_
#define BACKENDS_CUDA_FILL_H_

#include <memory>

#include "backends/cuda/elementwise_launch.h"
#include "backends/cuda/kernel_util.h"

namespace backends::cuda {

// Attribute `value` as a T in each element of output 0, which is of that type.
template <typename T>
std::unique_ptr<graph::Kernel> MakeFill(const graph::KernelSpec& spec) {
  return MakeKernel([pattern = PatternOf(static_cast<T>(spec.op->Float("value"))),
                     bytes = static_cast<int64_t>(spec.out(0).bytes())](
                        const graph::KernelArgs& args, Stream stream) {
    return Fill(pattern, args.outputs[0], bytes, stream);
  });
}

}  // namespace backends::cuda

#endif  // BACKENDS_CUDA_FILL_H_
