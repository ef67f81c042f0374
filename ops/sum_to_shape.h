// SumToShape: y = x summed over leading dimensions, the transpose of repeating.
//
//   x  (..., S) f32, bf16 or f64
//   y  f32 (f64 if x is f64); attribute `shape`, which without leading ones is a suffix of x's
//      shape: (C) for a bias, or (1, L, D) from (B, L, D)
//
// Backends sum in fixed chunks and combine these in index order, so the result
// does not change from run to run.
#ifndef OPS_SUM_TO_SHAPE_H_
#define OPS_SUM_TO_SHAPE_H_

#include "graph/schema/schema.h"

namespace ops {

void RegisterSumToShape(graph::SchemaRegistry* registry);

}  // namespace ops

#endif  // OPS_SUM_TO_SHAPE_H_
