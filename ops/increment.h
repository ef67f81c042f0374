// Increment: y = x + applied; counts steps.
//
//   x        (1) i32                              y  the same
//   applied  (1) i32: 1, or 0 if the step changes nothing (ClipFactors)
//
// In place. No gradient.
#ifndef OPS_INCREMENT_H_
#define OPS_INCREMENT_H_

#include "graph/schema/schema.h"

namespace ops {

void RegisterIncrement(graph::SchemaRegistry* registry);

}  // namespace ops

#endif  // OPS_INCREMENT_H_
