#include "ops/droppos/op_table.h"

namespace ops::droppos {

// droppos_list.inc is made from ops/droppos/ops.bzl.
#define OP(Name) void Register##Name(graph::SchemaRegistry* registry);
#include "ops/droppos/droppos_list.inc"
#undef OP

void RegisterOps(graph::SchemaRegistry* registry) {
#define OP(Name) Register##Name(registry);
#include "ops/droppos/droppos_list.inc"
#undef OP
}

}  // namespace ops::droppos
