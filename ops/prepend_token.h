// PrependToken: puts the class token, one row for all images, before the rows of x.
//
//   x      (B, T, C) float
//   token  C elements: its shape without leading ones is (C), e.g. (1, 1, C)
//   y      (B, 1 + T, C)
//
// Gradient: dx = SliceRows(dy, 1, T), dtoken = SumToShape(SliceRows(dy, 0, 1)).
// A copy, so deterministic.
#ifndef OPS_PREPEND_TOKEN_H_
#define OPS_PREPEND_TOKEN_H_

#include "graph/schema/schema.h"

namespace ops {

void RegisterPrependToken(graph::SchemaRegistry* registry);

}  // namespace ops

#endif  // OPS_PREPEND_TOKEN_H_
