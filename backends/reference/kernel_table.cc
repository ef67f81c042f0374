#include "backends/reference/kernel_table.h"

#include "backends/reference/kernels.h"

namespace backends {
namespace reference {

graph::Backend MakeBackend() {
  graph::Backend backend;
  backend.name = "reference";
  backend.description = "naive loops in double precision, one thread";
  RegisterAdd(&backend.kernels);
  RegisterGelu(&backend.kernels);
  return backend;
}

}  // namespace reference
}  // namespace backends
