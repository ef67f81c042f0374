// SliceRows: y = x[:, start : start + count].
//
//   x  (B, T, C) float                            y  (B, count, C)
//
// PadRows: y[:, start : start + count] = x, zero elsewhere. Attribute rows: T.
//
//   x  (B, count, C) float                        y  (B, rows, C)
//
// Each is the other's gradient. Copies, so deterministic.
#ifndef OPS_SLICE_ROWS_H_
#define OPS_SLICE_ROWS_H_

#include "graph/schema/schema.h"

namespace ops {

void RegisterSliceRows(graph::SchemaRegistry* registry);

}  // namespace ops

#endif  // OPS_SLICE_ROWS_H_
