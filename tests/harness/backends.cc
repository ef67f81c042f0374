#include "tests/harness/backends.h"

#include "backends/reference/kernel_table.h"
#include "ops/op_table.h"

namespace harness {

const graph::SchemaRegistry& TestRegistry() {
  static const auto* registry = [] {
    auto* r = new graph::SchemaRegistry;
    ops::RegisterOps(r);
    return r;
  }();
  return *registry;
}

const graph::Backend& ReferenceBackend() {
  static const auto* backend = [] {
    return new graph::Backend(backends::reference::MakeBackend());
  }();
  return *backend;
}

std::vector<graph::Backend> TestBackends() {
  std::vector<graph::Backend> all;
  all.push_back(ReferenceBackend());
  return all;
}

}  // namespace harness
