// Cast: y = x in another element type, rounded to nearest, ties to even. Inserted
// by the mixed_precision pass.
//
//   x  (...) f32 or bf16 (or f64)       y  (...) of attribute dtype
//
// Attribute dtype: "f32" or "bf16"; "f64" if and only if x is f64. bf16 to f32 is
// exact. NaN stays NaN; values too large for bf16 become infinite. Gradient: that
// of y, cast back. Elementwise, so deterministic.
#ifndef OPS_CAST_H_
#define OPS_CAST_H_

#include "graph/schema/schema.h"

namespace ops {

void RegisterCast(graph::SchemaRegistry* registry);

}  // namespace ops

#endif  // OPS_CAST_H_
