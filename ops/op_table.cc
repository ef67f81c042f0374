#include "ops/op_table.h"

namespace ops {

// ops_list.inc is made from ops/ops.bzl.
#define OP(Name) void Register##Name(graph::SchemaRegistry* registry);
#include "ops/ops_list.inc"
#undef OP

void RegisterOps(graph::SchemaRegistry* registry) {
#define OP(Name) Register##Name(registry);
#include "ops/ops_list.inc"
#undef OP
}

}  // namespace ops
