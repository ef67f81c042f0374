// What kernels are chosen by, of a GPU that is there or is only described.
#ifndef BACKENDS_CUDA_GPU_PROPERTIES_H_
#define BACKENDS_CUDA_GPU_PROPERTIES_H_

#include <cstddef>
#include <string>

namespace backends::cuda {

// As the runtime says them.
struct GpuProperties {
  std::string name;  // "NVIDIA H200"
  int major = 0, minor = 0;
  int multiprocessors = 0;
  size_t memory_bytes = 0;
  size_t shared_bytes = 0;  // that a block may have; 227 KiB on Hopper, 99 on consumers' chips
};

// Of a described GPU's memory, what a plan leaves to CUDA's context, to kernels' code, to
// cuBLASLt and cuDNN. An estimate: a context takes about half of it.
constexpr size_t kReservedBytes = size_t{1} << 30;

}  // namespace backends::cuda

#endif  // BACKENDS_CUDA_GPU_PROPERTIES_H_
