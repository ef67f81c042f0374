// LinearWeightGrad: dw = aᵀ·b (+ so_far) and db = the sums of a's columns: both gradients of a
// Linear's parameters from one reading of a, where a is the gradient of its result and b its input.
// Made by the weight_grad_fusion pass of a MatMulWeightGrad, a SumToShape and the Add that
// accumulates.
//
//   a, b    (..., M), (..., N) f32 or bf16, one dtype, the same number of rows
//   so_far  optional, as dw: what earlier micro-batches have summed
//   dw      f32; attribute `shape`, of rank 2 or more: dim 0 is M, the product of the rest is N
//   db      (M) f32
//
// All of them may be f64 instead, together. Products and sums are in f32. In place: dw over so_far.
// No gradient. Deterministic.
#ifndef BACKENDS_CUDA_OPS_LINEAR_WEIGHT_GRAD_H_
#define BACKENDS_CUDA_OPS_LINEAR_WEIGHT_GRAD_H_

#include "graph/schema/schema.h"

namespace ops::cuda {

void RegisterLinearWeightGrad(graph::SchemaRegistry* registry);

}  // namespace ops::cuda

#endif  // BACKENDS_CUDA_OPS_LINEAR_WEIGHT_GRAD_H_
