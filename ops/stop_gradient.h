// StopGradient: y = x; no gradient flows back to x.
//
//   x  any type                                   y  the same
//
// In place over x; a pass removes it after differentiation. Source: detach() in
// the attentive guide of DropPos.
#ifndef OPS_STOP_GRADIENT_H_
#define OPS_STOP_GRADIENT_H_

#include "graph/schema/schema.h"

namespace ops {

void RegisterStopGradient(graph::SchemaRegistry* registry);

}  // namespace ops

#endif  // OPS_STOP_GRADIENT_H_
