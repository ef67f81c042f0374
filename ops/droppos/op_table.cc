#include "ops/droppos/op_table.h"

namespace ops::droppos {

// droppos_ops.inc is made from ops/droppos/ops.bzl.
#define OP(Name) void Register##Name(graph::SchemaRegistry* registry);
#include "ops/droppos/droppos_ops.inc"
#undef OP

void RegisterOps(graph::SchemaRegistry* registry) {
#define OP(Name) Register##Name(registry);
#include "ops/droppos/droppos_ops.inc"
#undef OP
}

}  // namespace ops::droppos
