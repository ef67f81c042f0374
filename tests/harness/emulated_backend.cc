#include "tests/harness/emulated_backend.h"

#include "backends/cuda/droppos/kernel_table.h"
#include "backends/cuda/kernel_table.h"

namespace harness {

absl::StatusOr<graph::Backend> MakeEmulatedBackend(int index, int threads) {
  absl::StatusOr<graph::Backend> backend = backends::cuda::MakeBackend(index, threads);
  if (backend.ok()) backends::cuda::droppos::RegisterKernels(&*backend);
  return backend;
}

}  // namespace harness
