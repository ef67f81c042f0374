#include "tools/reference_backend.h"

#include "backends/reference/droppos/kernel_table.h"
#include "backends/reference/kernel_table.h"

namespace tools {

graph::Backend MakeReferenceBackend() {
  graph::Backend backend = backends::reference::MakeBackend();
  backends::reference::droppos::RegisterKernels(&backend.kernels);
  return backend;
}

}  // namespace tools
