// LinearGelu: pre = x·wᵀ + b and y = GELU(pre), of which the gradient needs pre. Made by the
// gelu_fusion pass of a Linear and a Gelu.
//
//   x       (..., K) f32 or bf16
//   w       x's dtype, (N, K...), viewed as (N, product of the rest)
//   b       f32, N elements: its shape without leading ones is (N)
//   y, pre  (..., N) of attribute dtype: "same" as x (default), "f32" or "bf16"
//
// MatMulGeluGrad: dx = (dy·w) ∘ GELU'(pre), the gradient of a Gelu whose result a product read.
// Made by the same pass of a MatMul and a GeluGrad.
//
//   dy   (..., K) f32 or bf16
//   w    dy's dtype, of rank 2 or more; attribute trans_w and how it is viewed: ops/matmul.h
//   pre  (..., N), f32 or bf16
//   dx   (..., N) of attribute dtype, as above
//
// All of them may be f64 instead, together. Products of bf16 are summed in f32, in which the rest
// is computed, too, and each result is rounded once: y is made of pre before that is rounded.
// No gradients: the pass runs on nets that have theirs. Deterministic.
#ifndef BACKENDS_CUDA_OPS_LINEAR_GELU_H_
#define BACKENDS_CUDA_OPS_LINEAR_GELU_H_

#include "graph/schema/schema.h"

namespace ops::cuda {

void RegisterLinearGelu(graph::SchemaRegistry* registry);

}  // namespace ops::cuda

#endif  // BACKENDS_CUDA_OPS_LINEAR_GELU_H_
