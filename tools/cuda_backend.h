// The CUDA backend, from its shared library.
#ifndef TOOLS_CUDA_BACKEND_H_
#define TOOLS_CUDA_BACKEND_H_

#include "absl/status/statusor.h"
#include "backends/cuda/gpu_properties.h"
#include "graph/compiler/backend.h"

namespace tools {

// Loads libdroppos_cuda.so, once a process, and makes the backend of GPU `index`; the host uses
// `threads` threads. The library is that of the environment's DROPPOS_CUDA_LIBRARY, else the one
// beside this program: in the download's lib, or where Bazel built it. UNAVAILABLE says in one line
// what is missing (the library, one that it needs, a driver, a GPU) and what to do.
absl::StatusOr<graph::Backend> MakeCudaBackend(int index, int threads);

// The same of a GPU that is only described (backends/cuda/kernel_table.h), for plans: needs the
// library, and no driver.
absl::StatusOr<graph::Backend> DescribeCudaBackend(const backends::cuda::GpuProperties& gpu,
                                                   int threads);

using MakeCuda = absl::StatusOr<graph::Backend> (*)(int index, int threads);
using DescribeCuda = absl::StatusOr<graph::Backend> (*)(const backends::cuda::GpuProperties& gpu,
                                                        int threads);
// For tests that link a CUDA backend, or have their own: it takes the library's place.
void UseLinkedCudaBackend(MakeCuda make, DescribeCuda describe = nullptr);

}  // namespace tools

#endif  // TOOLS_CUDA_BACKEND_H_
