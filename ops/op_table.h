// The core operators.
#ifndef OPS_OP_TABLE_H_
#define OPS_OP_TABLE_H_

#include "graph/schema/schema.h"

namespace ops {

// Adds every operator of ops/*.h. Plugins have their own tables.
void RegisterOps(graph::SchemaRegistry* registry);

}  // namespace ops

#endif  // OPS_OP_TABLE_H_
