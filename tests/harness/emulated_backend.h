// The CUDA backend on the CPU: its own host code on the runtime of tests/fake_cuda, its kernels run
// by tests/simt.
#ifndef TESTS_HARNESS_EMULATED_BACKEND_H_
#define TESTS_HARNESS_EMULATED_BACKEND_H_

#include "absl/status/statusor.h"
#include "graph/compiler/backend.h"

namespace harness {

// What libdroppos_cuda.so gives a program (backends/cuda/entry.h), with its errors.
absl::StatusOr<graph::Backend> MakeEmulatedBackend(int index, int threads);

}  // namespace harness

#endif  // TESTS_HARNESS_EMULATED_BACKEND_H_
