#include "backends/cuda/ops/op_table.h"

namespace ops::cuda {

// Of the lines of backends/cuda/ops/ops.bzl.
#define OP(Name) void Register##Name(graph::SchemaRegistry* registry);
#include "backends/cuda/ops/ops_list.inc"
#undef OP

void RegisterOps(graph::SchemaRegistry* registry) {
#define OP(Name) Register##Name(registry);
#include "backends/cuda/ops/ops_list.inc"
#undef OP
}

}  // namespace ops::cuda
