// GradNorm: the L2 norm of a gradient.
//
//   g     any shape, float
//   norm  (1), the dtype of g
//
// Squares are summed in double over fixed chunks, combined in index order, so
// the norm neither overflows in f32 nor depends on the number of threads.
#ifndef OPS_GRAD_NORM_H_
#define OPS_GRAD_NORM_H_

#include "graph/schema/schema.h"

namespace ops {

void RegisterGradNorm(graph::SchemaRegistry* registry);

}  // namespace ops

#endif  // OPS_GRAD_NORM_H_
