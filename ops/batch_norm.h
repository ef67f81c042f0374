// BatchNorm: y = (x - mean)·rstd, each column by the rows of its batch; no scale and no shift.
//
//   x                  (..., C) float, N rows, at least 2: of one row nothing would be left
//   running_mean, running_var  (C), the same dtype: the state at entry
//   y                  (..., C)
//   rstd               (C)  of this batch: 1/sqrt(variance + eps), the variance biased
//   running_mean_out   (C)  (1 - momentum)·running_mean + momentum·mean
//   running_var_out    (C)  the same of the variance, unbiased: Σ (x - mean)²/(N - 1)
//
// No gradient goes through any output but y. In place: y over x, the running statistics over
// those at entry. They are buffers (ParameterKind::kBuffer in models/layers/model_builder.h).
//
// BatchNormGrad: the gradient of y, with averages over a column, from y itself: far from zero
// x - mean would lose in f32 what y has.
//   dx = rstd·(dy - avg(dy) - y·avg(dy·y))
//
//   y, dy (..., C);  rstd (C)  ->  dx (..., C), in place over dy
//
// BatchNormInference: y = (x - running_mean)/sqrt(running_var + eps), row by row; x may have any
// number of rows. For evaluation, so without a gradient. In place: y over x.
//
// Sums are in double, in the order of the rows or of fixed groups of them. Attributes: eps,
// momentum (floats). Source: Ioffe and Szegedy, arXiv:1502.03167; torch.nn.BatchNorm1d with
// affine=False, in front of the head of MAE's linear probe.
#ifndef OPS_BATCH_NORM_H_
#define OPS_BATCH_NORM_H_

#include "graph/schema/schema.h"

namespace ops {

void RegisterBatchNorm(graph::SchemaRegistry* registry);

}  // namespace ops

#endif  // OPS_BATCH_NORM_H_
