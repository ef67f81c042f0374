// Add: y = a + b.
//
//   a, b  the same shape; each f32 or bf16
//   y     that shape; bf16 if both are, else f32
//
// Or all f64. Gradient of both: that of y. In place over either input of y's dtype.
// Elementwise, so deterministic. Source: the residual connections of ViT.
#ifndef OPS_ADD_H_
#define OPS_ADD_H_

#include "graph/schema/schema.h"

namespace ops {

void RegisterAdd(graph::SchemaRegistry* registry);

}  // namespace ops

#endif  // OPS_ADD_H_
