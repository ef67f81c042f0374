#include "ops/op_table.h"

namespace ops {

// core_ops.inc is made from ops/ops.bzl.
#define OP(Name) void Register##Name(graph::SchemaRegistry* registry);
#include "ops/core_ops.inc"
#undef OP

void RegisterOps(graph::SchemaRegistry* registry) {
#define OP(Name) Register##Name(registry);
#include "ops/core_ops.inc"
#undef OP
}

}  // namespace ops
