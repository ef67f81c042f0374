// The naive double-precision backend with the plugins' kernels, for tools that
// check: never linked into the trainer.
#ifndef TOOLS_REFERENCE_BACKEND_H_
#define TOOLS_REFERENCE_BACKEND_H_

#include "absl/status/statusor.h"
#include "graph/compiler/backend.h"

namespace tools {

graph::Backend MakeReferenceBackend();

// MakeBackend (plugins.h) that knows "reference", too.
absl::StatusOr<graph::Backend> MakeAnyBackend(absl::string_view name, int threads);

}  // namespace tools

#endif  // TOOLS_REFERENCE_BACKEND_H_
