// What operator tests run on: every schema and every backend of this build,
// plugins included.
#ifndef TESTS_HARNESS_BACKENDS_H_
#define TESTS_HARNESS_BACKENDS_H_

#include <functional>
#include <vector>

#include "graph/compiler/backend.h"
#include "graph/schema/schema.h"

namespace harness {

// All operators, made once.
const graph::SchemaRegistry& TestRegistry();

// The reference backend, which the others are compared with; made once. With kernels for what the
// lowerings of the CPU and of CUDA make, and the CPU's lowering: it computes the net that the CPU
// runs.
const graph::Backend& ReferenceBackend();

// The reference backend, then the backends under test: the CPU's, or in a test that links a library
// such as :emulated_cuda that library's alone.
std::vector<graph::Backend> TestBackends();

// For such libraries, before main.
void SetBackendUnderTest(std::function<graph::Backend()> make);

}  // namespace harness

#endif  // TESTS_HARNESS_BACKENDS_H_
