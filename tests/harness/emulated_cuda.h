// The emulated CUDA backend (emulated_backend.h) in tests.
#ifndef TESTS_HARNESS_EMULATED_CUDA_H_
#define TESTS_HARNESS_EMULATED_CUDA_H_

#include "graph/compiler/backend.h"

namespace harness {

// With the plugins' kernels. Linked into a test, this library makes it the backend under test, too
// (backends.h), and what the emulator and the runtime find fails the test in which it happened,
// whatever the code under test made of the error.
graph::Backend MakeEmulatedCuda();

}  // namespace harness

#endif  // TESTS_HARNESS_EMULATED_CUDA_H_
