// MatMul: y = x·wᵀ (trans_w = 1) or y = x·w (trans_w = 0).
//
//   x  (..., K) float, leading dimensions flattened to rows
//   w  of rank 2 or more, viewed as the matrix (dim 0, product of the rest): a
//      patch embedding (D, 3, p, p) is (D, 3pp).
//      trans_w = 1: (N, K), torch's nn.Linear layout; trans_w = 0: (K, N)
//   y  (..., N)
//
// Gradient: trans_w = 1: dx = MatMul(dy, w, 0), dw = MatMulWeightGrad(dy, x);
//           trans_w = 0: dx = MatMul(dy, w, 1), dw = MatMulWeightGrad(x, dy).
//
// MatMulWeightGrad: y = aᵀ·b, rows of a and b flattened.
//
//   a  (..., M), b  (..., N) float, the same number of rows
//   y  `shape`, of rank 2 or more: dim 0 is M, the product of the rest is N
//
// Nothing is saved but the inputs. Deterministic for a fixed number of threads.
#ifndef OPS_MATMUL_H_
#define OPS_MATMUL_H_

#include "graph/schema/schema.h"

namespace ops {

void RegisterMatMul(graph::SchemaRegistry* registry);

}  // namespace ops

#endif  // OPS_MATMUL_H_
