// Increment: y = x + 1, the step counter.
//
//   x  (1) i32                                    y  the same
//
// In place. No gradient: it counts.
#ifndef OPS_INCREMENT_H_
#define OPS_INCREMENT_H_

#include "graph/schema/schema.h"

namespace ops {

void RegisterIncrement(graph::SchemaRegistry* registry);

}  // namespace ops

#endif  // OPS_INCREMENT_H_
