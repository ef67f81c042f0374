// What operator tests run on: every schema and every backend of this build,
// plugins included.
#ifndef TESTS_HARNESS_BACKENDS_H_
#define TESTS_HARNESS_BACKENDS_H_

#include <vector>

#include "graph/compiler/backend.h"
#include "graph/schema/schema.h"

namespace harness {

// All operators, made once.
const graph::SchemaRegistry& TestRegistry();

// The reference backend, which the others are compared with; made once. With kernels for what the
// CPU's lowering makes, and that lowering: it computes the net that the CPU runs.
const graph::Backend& ReferenceBackend();

// All backends, the reference backend first.
std::vector<graph::Backend> TestBackends();

}  // namespace harness

#endif  // TESTS_HARNESS_BACKENDS_H_
