// Scale: y = value * factors[index] * x.
//
//   x        (...) float
//   factors  (N) float, optional: without it the factor is 1
//   y        like x
//
// Attributes: value (float, default 1), index in [0, N). Weighs one loss against
// another, and applies a clip factor to a gradient that is kept (ClipFactors).
//
// In place: y over x. Gradient of x: Scale of dy by the same factor; asking for the
// gradient of factors is an error. Elementwise, so deterministic.
#ifndef OPS_SCALE_H_
#define OPS_SCALE_H_

#include "graph/schema/schema.h"

namespace ops {

void RegisterScale(graph::SchemaRegistry* registry);

}  // namespace ops

#endif  // OPS_SCALE_H_
