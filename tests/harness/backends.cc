#include "tests/harness/backends.h"

#include "backends/cpu/droppos/kernel_table.h"
#include "backends/cpu/kernel_table.h"
#include "backends/cpu/ops/op_table.h"
#include "backends/cpu/passes/passes.h"
#include "backends/cuda/ops/op_table.h"
#include "backends/reference/cpu/kernel_table.h"
#include "backends/reference/cuda/kernel_table.h"
#include "backends/reference/droppos/kernel_table.h"
#include "backends/reference/kernel_table.h"
#include "ops/droppos/op_table.h"
#include "ops/op_table.h"
#include "tests/harness/guard_device.h"

namespace harness {
namespace {

std::function<graph::Backend()>& BackendUnderTest() {
  static auto* make = new std::function<graph::Backend()>([] {
    graph::Backend cpu = *backends::cpu::MakeBackend(2);
    backends::cpu::droppos::RegisterKernels(&cpu.kernels);
    return cpu;
  });
  return *make;
}

}  // namespace

void SetBackendUnderTest(std::function<graph::Backend()> make) {
  BackendUnderTest() = std::move(make);
}

const graph::SchemaRegistry& TestRegistry() {
  static const auto* registry = [] {
    auto* r = new graph::SchemaRegistry;
    ops::RegisterOps(r);
    ops::droppos::RegisterOps(r);
    ops::cpu::RegisterOps(r);
    ops::cuda::RegisterOps(r);
    return r;
  }();
  return *registry;
}

const graph::Backend& ReferenceBackend() {
  static const auto* backend = [] {
    auto* b = new graph::Backend(backends::reference::MakeBackend());
    backends::reference::droppos::RegisterKernels(&b->kernels);
    backends::reference::cpu::RegisterKernels(&b->kernels);
    backends::reference::cuda::RegisterKernels(&b->kernels);
    b->lowering = backends::cpu::MakeLowering;
    b->capabilities.int8_products = true;
    return b;
  }();
  return *backend;
}

std::vector<graph::Backend> TestBackends() {
  std::vector<graph::Backend> all;
  all.push_back(ReferenceBackend());
  all.push_back(BackendUnderTest()());
  for (graph::Backend& backend : all) backend = OnTestDevice(std::move(backend));
  return all;
}

}  // namespace harness
