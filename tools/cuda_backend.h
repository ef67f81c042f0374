// The CUDA backend, from its shared library.
#ifndef TOOLS_CUDA_BACKEND_H_
#define TOOLS_CUDA_BACKEND_H_

#include "absl/status/statusor.h"
#include "graph/compiler/backend.h"

namespace tools {

// Loads libdroppos_cuda.so, once a process, and makes the backend of GPU `index`; the host uses
// `threads` threads. The library is that of the environment's DROPPOS_CUDA_LIBRARY, else the one
// beside this program: in the download's lib, or where Bazel built it. UNAVAILABLE says in one line
// what is missing (the library, one that it needs, a driver, a GPU) and what to do.
absl::StatusOr<graph::Backend> MakeCudaBackend(int index, int threads);

// The backend of the same library on no GPU, which neither a driver nor a GPU is needed for: its
// name, its capabilities and its table of kernels, which can be asked and makes none.
absl::StatusOr<graph::Backend> DescribeCudaBackend();

// For tests that link a CUDA backend: it takes the library's place. Before main.
void UseLinkedCudaBackend(absl::StatusOr<graph::Backend> (*make)(int index, int threads));

}  // namespace tools

#endif  // TOOLS_CUDA_BACKEND_H_
