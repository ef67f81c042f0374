#include "backends/reference/kernels.h"
#include "ops/initializer.h"

namespace backends {
namespace reference {
namespace {

absl::Status Initialize(Call* c) {
  ops::FillInitial(ops::InitializerOf(c->op), absl::MakeSpan(c->Out(0)));
  return absl::OkStatus();
}

}  // namespace

void RegisterInitialize(graph::KernelTable* table) {
  AddFunction(table, "XavierFill", Initialize);
  AddFunction(table, "ConstantFill", Initialize);
}

}  // namespace reference
}  // namespace backends
