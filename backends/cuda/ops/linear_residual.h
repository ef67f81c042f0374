// LinearResidual: y = x·wᵀ + b + residual: the last product of a branch, added to the stream that
// the branch left. Made by the linear_residual_fusion pass of a Linear and an Add.
//
//   x         (..., K) f32 or bf16
//   w         x's dtype, (N, K...), viewed as (N, product of the rest)
//   b         f32, N elements: its shape without leading ones is (N)
//   residual  (..., N) f32
//   y         (..., N) f32
//
// All of them may be f64 instead, together. Everything is summed in f32: the branch is never
// rounded to bf16. In place: y over residual. No gradient: the pass runs on nets that have theirs.
// Deterministic.
#ifndef BACKENDS_CUDA_OPS_LINEAR_RESIDUAL_H_
#define BACKENDS_CUDA_OPS_LINEAR_RESIDUAL_H_

#include "graph/schema/schema.h"

namespace ops::cuda {

void RegisterLinearResidual(graph::SchemaRegistry* registry);

}  // namespace ops::cuda

#endif  // BACKENDS_CUDA_OPS_LINEAR_RESIDUAL_H_
