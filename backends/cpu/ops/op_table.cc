#include "backends/cpu/ops/op_table.h"

namespace ops::cpu {

// Of the lines of backends/cpu/ops/ops.bzl.
#define OP(Name) void Register##Name(graph::SchemaRegistry* registry);
#include "backends/cpu/ops/ops_list.inc"
#undef OP

void RegisterOps(graph::SchemaRegistry* registry) {
#define OP(Name) Register##Name(registry);
#include "backends/cpu/ops/ops_list.inc"
#undef OP
}

}  // namespace ops::cpu
