// The operators that only the CPU's passes make.
#ifndef BACKENDS_CPU_OPS_OP_TABLE_H_
#define BACKENDS_CPU_OPS_OP_TABLE_H_

#include "graph/schema/schema.h"

namespace ops::cpu {

// Adds every schema of this folder, which nets need that are compiled for the CPU.
void RegisterOps(graph::SchemaRegistry* registry);

}  // namespace ops::cpu

#endif  // BACKENDS_CPU_OPS_OP_TABLE_H_
