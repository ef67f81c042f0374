#include "ops/op_table.h"

#include "ops/add.h"
#include "ops/gelu.h"

namespace ops {

void RegisterOps(graph::SchemaRegistry* registry) {
  RegisterAdd(registry);
  RegisterGelu(registry);
}

}  // namespace ops
