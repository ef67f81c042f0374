// PackedMatMul and PackedLinear: MatMul and Linear (ops/matmul.h, ops/linear.h) of packed weights.
// Made by the weight_packing pass.
//
//   x       (..., K) f32 or bf16
//   packed  x's dtype, of PackWeights for a matrix of K rows and N columns
//   times   PackedMatMul's, optional, (..., N), f32 or bf16
//   b       PackedLinear's, f32, N elements
//   y       (..., N) of attribute dtype: "same" as x (default), "f32" or "bf16"
//
// Attribute cols: N, which the padded shape does not tell. Attribute activation of PackedLinear:
// "none" or "gelu". No gradient: weights are packed after differentiation. Deterministic for a
// fixed number of threads.
#ifndef BACKENDS_CPU_OPS_PACKED_PRODUCT_H_
#define BACKENDS_CPU_OPS_PACKED_PRODUCT_H_

#include "graph/schema/schema.h"

namespace ops::cpu {

void RegisterPackedProduct(graph::SchemaRegistry* registry);

}  // namespace ops::cpu

#endif  // BACKENDS_CPU_OPS_PACKED_PRODUCT_H_
