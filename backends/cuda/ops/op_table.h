// The operators that only the CUDA backend's passes make.
#ifndef BACKENDS_CUDA_OPS_OP_TABLE_H_
#define BACKENDS_CUDA_OPS_OP_TABLE_H_

#include "graph/schema/schema.h"

namespace ops::cuda {

// Adds every schema of this folder, which nets need that are compiled for CUDA.
void RegisterOps(graph::SchemaRegistry* registry);

}  // namespace ops::cuda

#endif  // BACKENDS_CUDA_OPS_OP_TABLE_H_
