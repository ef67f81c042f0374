// GatherRows: y[b, i] = x[b, ids[b, i]]: rows of each image in the order of ids.
//
//   x    (B, L, D) float
//   ids  (B, V) i32, in [0, L)
//   y    (B, V, D)
//
// ScatterRows: y[b, ids[b, i]] += x[b, i], starting from zeros; rows of repeated
// ids are added in order of i. Attribute rows: L.
//
//   x (B, V, D), ids (B, V) -> y (B, L, D)
//
// Each is the other's gradient. Deterministic: one thread works on an image.
#ifndef OPS_GATHER_ROWS_H_
#define OPS_GATHER_ROWS_H_

#include "graph/schema/schema.h"

namespace ops {

void RegisterGatherRows(graph::SchemaRegistry* registry);

}  // namespace ops

#endif  // OPS_GATHER_ROWS_H_
