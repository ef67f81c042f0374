// GradNorm: the L2 norm of one gradient, or of each of several.
//
//   g     float, any shape, for each gradient
//   norm  (1), the dtype of its g, for each gradient
//
// Squares are summed in double over fixed chunks of each gradient, combined in index
// order, so a norm neither overflows in f32 nor depends on the number of threads or on
// the other gradients. Nets are built with one operator for each gradient; the
// tensor_grouping pass joins them.
#ifndef OPS_GRAD_NORM_H_
#define OPS_GRAD_NORM_H_

#include "graph/schema/schema.h"

namespace ops {

void RegisterGradNorm(graph::SchemaRegistry* registry);

}  // namespace ops

#endif  // OPS_GRAD_NORM_H_
