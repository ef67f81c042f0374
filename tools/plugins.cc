#include "tools/plugins.h"

#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"
#include "backends/cpu/droppos/kernel_table.h"
#include "backends/cpu/kernel_table.h"
#include "backends/cpu/ops/op_table.h"
#include "backends/cuda/ops/op_table.h"
#include "graph/base/status.h"
#include "models/droppos/zoo_entries.h"
#include "models/vit/zoo_entries.h"
#include "ops/droppos/op_table.h"
#include "ops/op_table.h"
#include "tools/cuda_backend.h"

namespace tools {
namespace {

// The operators that only a backend's passes make.
struct BackendOps {
  absl::string_view backend;
  void (*add)(graph::SchemaRegistry* registry);
};
constexpr BackendOps kBackendOps[] = {{"cpu", ops::cpu::RegisterOps},
                                      {"cuda", ops::cuda::RegisterOps}};

// The operators of every backend.
graph::SchemaRegistry NeutralRegistry() {
  graph::SchemaRegistry registry;
  ops::RegisterOps(&registry);
  ops::droppos::RegisterOps(&registry);
  return registry;
}

}  // namespace

graph::SchemaRegistry MakeRegistry() {
  graph::SchemaRegistry registry = NeutralRegistry();
  for (const BackendOps& ops : kBackendOps) ops.add(&registry);
  return registry;
}

graph::SchemaRegistry MakeRegistryOf(absl::string_view name) {
  graph::SchemaRegistry registry = NeutralRegistry();
  for (const BackendOps& ops : kBackendOps) {
    if (ops.backend == name) ops.add(&registry);
  }
  return registry;
}

models::Zoo PretrainingZoo() {
  models::Zoo zoo;
  models::RegisterDropPosModels(&zoo);
  return zoo;
}

models::Zoo ClassifierZoo() {
  models::Zoo zoo;
  models::RegisterVitModels(&zoo);
  return zoo;
}

models::Zoo MakeZoo() {
  models::Zoo zoo;
  models::RegisterDropPosModels(&zoo);
  models::RegisterVitModels(&zoo);
  return zoo;
}

absl::StatusOr<graph::Backend> MakeBackend(absl::string_view name, int threads) {
  int gpu = 0;
  if (absl::ConsumePrefix(&name, "cuda:") && absl::SimpleAtoi(name, &gpu)) {
    return MakeCudaBackend(gpu, threads);
  }
  if (name != "cpu") return graph::InvalidArgument("there is no backend '", name, "'; use cpu");
  ASSIGN_OR_RETURN(graph::Backend backend, backends::cpu::MakeBackend(threads));
  backends::cpu::droppos::RegisterKernels(&backend.kernels);
  return backend;
}

}  // namespace tools
