#include "tests/gpu_suite/gpu.h"

#include <cuda_runtime_api.h>

namespace gpu_suite {
namespace {

std::string Version(int number) {
  return std::to_string(number / 1000) + "." + std::to_string(number % 1000 / 10);
}

}  // namespace

std::string WhyNoGpu() {
  int count = 0, driver = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  cudaDriverGetVersion(&driver);
  if (error == cudaErrorInsufficientDriver && driver == 0) return "no NVIDIA driver";
  if (error != cudaSuccess) {
    return std::string(cudaGetErrorString(error)) + " (the driver knows CUDA " + Version(driver) +
           ", this program is of " + Version(CUDART_VERSION) + ")";
  }
  cudaDeviceProp properties;
  if (count == 0 || cudaGetDeviceProperties(&properties, 0) != cudaSuccess) {
    return "the NVIDIA driver sees none";
  }
  if (properties.major >= 8) return "";
  return std::string(properties.name) + " has compute capability " +
         std::to_string(properties.major) + "." + std::to_string(properties.minor) +
         ", and 8.0 is needed";
}

}  // namespace gpu_suite
