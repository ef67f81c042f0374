// BiasAdd: y = x + b, b repeated over the leading dimensions of x.
//
//   x  (..., S) float
//   b  the same dtype; its shape without leading ones is a suffix of x's: a
//      bias (C), or a position table (1, L, D) for (B, L, D)
//   y  like x
//
// Gradient: dx = dy, db = SumToShape(dy). In place over x. Deterministic.
#ifndef OPS_BIAS_ADD_H_
#define OPS_BIAS_ADD_H_

#include "graph/schema/schema.h"

namespace ops {

void RegisterBiasAdd(graph::SchemaRegistry* registry);

}  // namespace ops

#endif  // OPS_BIAS_ADD_H_
