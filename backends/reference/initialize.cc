#include <algorithm>

#include "backends/reference/kernels.h"
#include "ops/initializer.h"

namespace backends::reference {
namespace {

void Initialize(Call* c) {
  if (!graph::IsFloat(c->out_type(0).dtype)) {
    std::fill(c->OutInts(0).begin(), c->OutInts(0).end(),
              static_cast<int64_t>(c->op.Float("value")));
    return;
  }
  ops::FillInitial(ops::InitializerOf(c->op), 0, absl::MakeSpan(c->Out(0)));
}

}  // namespace

void RegisterInitialize(graph::KernelTable* table) {
  AddFunction(table, "XavierFill", Initialize);
  AddFunction(table, "ConstantFill", Initialize);
}

}  // namespace backends::reference
