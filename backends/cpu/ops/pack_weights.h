// PackWeights: the matrix B of a product y = x·B in the order in which its kernel
// likes to read it, and in the element type in which it is multiplied. Put in by
// the weight_packing pass; a state in, one packed copy for all its readers out.
//
//   w       of rank 2 or more, f32 or bf16 (or f64), viewed as the matrix (dim 0,
//           product of the rest)
//   packed  (K rounded up to a multiple of 64, N rounded up so) of attribute dtype
//
// Attribute trans_w: 1: B = wᵀ, so w is (N, K), as in Linear; 0: B = w, (K, N).
// Attribute dtype: "same" as w (default), "f32" or "bf16", rounded to nearest, ties
// to even.
//
// Where an element of B lies in `packed` is the kernels' own affair: PackedMatMul and PackedLinear
// may read it, nothing else. All of it is written, zeros where no element lies. The reference
// kernel stores the rows of B, padded with zeros. No gradient: weights are packed after
// differentiation. Deterministic.
#ifndef BACKENDS_CPU_OPS_PACK_WEIGHTS_H_
#define BACKENDS_CPU_OPS_PACK_WEIGHTS_H_

#include "graph/schema/schema.h"

namespace ops::cpu {

// The shape of a (k, n) matrix that PackWeights packs: both rounded up to 64. Not
// valid where that is too large for a tensor.
graph::Shape PackedShape(int64_t k, int64_t n);

void RegisterPackWeights(graph::SchemaRegistry* registry);

}  // namespace ops::cpu

#endif  // BACKENDS_CPU_OPS_PACK_WEIGHTS_H_
