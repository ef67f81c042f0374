// Add: y = a + b.
//
//   a, b  float, one shape and dtype       y  the same
//
// Gradient: that of y, for both. In place over either input. Elementwise, so
// deterministic. Source: the residual connections of ViT.
#ifndef OPS_ADD_H_
#define OPS_ADD_H_

#include "graph/schema/schema.h"

namespace ops {

void RegisterAdd(graph::SchemaRegistry* registry);

}  // namespace ops

#endif  // OPS_ADD_H_
