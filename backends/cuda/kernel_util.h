// Shared by the CUDA kernels' factories: kernels from functions that launch.
#ifndef BACKENDS_CUDA_KERNEL_UTIL_H_
#define BACKENDS_CUDA_KERNEL_UTIL_H_

#include <memory>
#include <string>
#include <utility>

#include "backends/cuda/cuda_device.h"
#include "backends/cuda/launch.h"
#include "graph/base/status.h"
#include "graph/runtime/kernel.h"

template <>
struct graph::DTypeOf<backends::cuda::BFloat16> : std::integral_constant<DType, DType::kBF16> {};

namespace backends::cuda {

using graph::AddFloat32;
using graph::AddFloat32OrBfloat16;
using graph::In;
using graph::Out;

using DevicePtr = std::shared_ptr<CudaDevice>;
using KernelOr = absl::StatusOr<std::unique_ptr<graph::Kernel>>;

// Returns `make(T())`, where T is the C++ type of `dtype`, f32 or bf16.
template <typename Function>
auto VisitFloat(graph::DType dtype, const Function& make) {
  return graph::VisitDType<float, BFloat16>(dtype, make);
}

// Where a kernel reports that an element is out of range (fault.h).
inline FaultSite FaultOf(const graph::KernelArgs& args) { return {args.fault, args.op}; }

// A kernel whose Run() calls `launch(args, stream)`, which starts work and returns a cudaError_t.
template <typename Function>
class LaunchKernel final : public graph::Kernel {
 public:
  LaunchKernel(Function launch, size_t scratch_bytes, std::string implementation)
      : launch_(std::move(launch)),
        scratch_bytes_(scratch_bytes),
        implementation_(std::move(implementation)) {}

  size_t scratch_bytes() const override { return scratch_bytes_; }
  std::string implementation() const override { return implementation_; }
  absl::Status Run() override {
    return ToStatus(launch_(args(), static_cast<Stream>(args().stream)), "starting a kernel");
  }

 private:
  const Function launch_;
  const size_t scratch_bytes_;
  const std::string implementation_;
};

template <typename Function>
std::unique_ptr<graph::Kernel> MakeKernel(Function launch, size_t scratch_bytes = 0,
                                          std::string implementation = "") {
  return std::make_unique<LaunchKernel<Function>>(std::move(launch), scratch_bytes,
                                                  std::move(implementation));
}

// Copies input 0 to output 0, bytes for bytes, unless the second lies over the first.
KernelOr MakeCopy(const graph::KernelSpec& spec);

}  // namespace backends::cuda

#endif  // BACKENDS_CUDA_KERNEL_UTIL_H_
