// The operators of the DropPos plugin.
#ifndef OPS_DROPPOS_OP_TABLE_H_
#define OPS_DROPPOS_OP_TABLE_H_

#include "graph/schema/schema.h"

namespace ops::droppos {

// Adds every schema of this folder. The gradient of EmbeddingDrop with
// kind="zeros" needs the core operator Fill.
void RegisterOps(graph::SchemaRegistry* registry);

}  // namespace ops::droppos

#endif  // OPS_DROPPOS_OP_TABLE_H_
