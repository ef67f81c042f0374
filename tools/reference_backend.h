// The naive double-precision backend with the plugins' kernels, for tools that check; never linked
// into the trainer.
#ifndef TOOLS_REFERENCE_BACKEND_H_
#define TOOLS_REFERENCE_BACKEND_H_

#include "graph/runtime/kernel.h"

namespace tools {

graph::Backend MakeReferenceBackend();

}  // namespace tools

#endif  // TOOLS_REFERENCE_BACKEND_H_
