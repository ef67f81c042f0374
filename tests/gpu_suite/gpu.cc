#include "tests/gpu_suite/gpu.h"

#include "backends/cuda/cuda_device.h"

namespace gpu_suite {

std::string WhyNoGpu() {
  // The backend says it in one line, and at its end what a program of nets may do instead.
  const std::string why(
      backends::cuda::CudaDevice::Create(/*index=*/0, /*threads=*/1).status().message());
  for (const char* instead : {", or use --device", "; use --device"}) {
    if (const size_t at = why.find(instead); at != std::string::npos) return why.substr(0, at);
  }
  return why;
}

}  // namespace gpu_suite
