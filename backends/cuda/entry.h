// How a program gets the CUDA backend: from a shared library that it loads, so that it runs
// without CUDA's libraries.
#ifndef BACKENDS_CUDA_ENTRY_H_
#define BACKENDS_CUDA_ENTRY_H_

#include "absl/status/statusor.h"
#include "backends/cuda/gpu_properties.h"
#include "graph/compiler/backend.h"
#include "graph/runtime/fault.h"
#include "graph/runtime/kernel.h"

namespace backends::cuda {

// The library and the program must agree on the types that pass between them, and on the operators
// that the lowering makes, whose schemas are the program's. Raise kInterface when one of them
// changes in a way that sizes do not show.
constexpr int kInterface = 2;
constexpr int kAbi = kInterface * 1000000 +
                     static_cast<int>(sizeof(graph::Backend) + 3 * sizeof(graph::KernelSpec) +
                                      5 * sizeof(graph::KernelArgs) + 7 * sizeof(graph::Fault) +
                                      11 * sizeof(GpuProperties));

}  // namespace backends::cuda

extern "C" {

// kAbi of the library.
int droppos_cuda_abi();

// Makes the backend of GPU `index` with the plugins' kernels (backends/cuda/kernel_table.h).
// Nothing else of the library is called before droppos_cuda_abi() has agreed.
void droppos_cuda_make_backend(int index, int threads, absl::StatusOr<graph::Backend>* backend);

// The same for a GPU that is only described; needs no driver.
void droppos_cuda_describe_backend(const backends::cuda::GpuProperties& gpu, int threads,
                                   absl::StatusOr<graph::Backend>* backend);

}  // extern "C"

#endif  // BACKENDS_CUDA_ENTRY_H_
