// MatMul: y = x·wᵀ (trans_w = 1) or y = x·w (trans_w = 0), and where there is a third
// input, y = (x·w) ∘ times, element by element.
//
//   x      (..., K) f32 or bf16, leading dimensions flattened to rows
//   w      x's dtype, of rank 2 or more, viewed as the matrix (dim 0, product of the
//          rest): a patch embedding (D, 3, p, p) is (D, 3pp).
//          trans_w = 1: (N, K), torch's nn.Linear layout; trans_w = 0: (K, N)
//   times  optional, (..., N), f32 or bf16
//   y      (..., N) of attribute dtype: "same" as x (default), "f32" or "bf16"
//
// All of them may be f64 instead, together. Products of bf16 are summed in f32 and
// rounded once, after `times`.
//
// Gradient: trans_w = 1: dx = MatMul(dy, w, 0), dw = MatMulWeightGrad(dy, x);
//           trans_w = 0: dx = MatMul(dy, w, 1), dw = MatMulWeightGrad(x, dy).
// There is none with times or in bf16, both of which passes put in after differentiation.
//
// MatMulWeightGrad: y = aᵀ·b, rows of a and b flattened.
//
//   a  (..., M), b  (..., N) f32 or bf16, one dtype, the same number of rows
//   y  f32 (f64 where a and b are); `shape`, of rank 2 or more: dim 0 is M, the
//      product of the rest is N
//
// Nothing is saved but the inputs. Deterministic for a fixed number of threads.
#ifndef OPS_MATMUL_H_
#define OPS_MATMUL_H_

#include "graph/schema/schema.h"

namespace ops {

void RegisterMatMul(graph::SchemaRegistry* registry);

}  // namespace ops

#endif  // OPS_MATMUL_H_
