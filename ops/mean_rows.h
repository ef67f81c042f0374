// MeanRows: y[b] = the mean of x[b, start : start + count], such as that of the patches
// behind a class token.
//
//   x  (B, T, C) float                            y  (B, C), f32 where x is bf16
//
// Attributes start, at least 0, and count, at least 1: the rows [start, start + count)
// lie in x. Sums are in f32, whatever x is, in an order that depends on the shape alone.
//
// MeanRowsGrad: dx[b, t] = dy[b]/count in the rows of the mean, zero elsewhere.
// Attributes start and count as above; rows: T.
//
//   dy  (B, C) float                              dx  (B, T, C)
//
// Saved for the gradient: nothing. Rows outside the mean are not read.
#ifndef OPS_MEAN_ROWS_H_
#define OPS_MEAN_ROWS_H_

#include "graph/schema/schema.h"

namespace ops {

void RegisterMeanRows(graph::SchemaRegistry* registry);

}  // namespace ops

#endif  // OPS_MEAN_ROWS_H_
