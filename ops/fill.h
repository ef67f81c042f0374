// Fill: y = value everywhere.
//
//   y  `shape`, `dtype` ("f32", "f64", "i32", "i64" or "u8"; integers are truncated and
//      must hold the value)
//
// Attributes: value (float), shape, dtype (default "f32"). A constant: gradients
// stop here. Deterministic.
#ifndef OPS_FILL_H_
#define OPS_FILL_H_

#include "graph/schema/schema.h"

namespace ops {

void RegisterFill(graph::SchemaRegistry* registry);

}  // namespace ops

#endif  // OPS_FILL_H_
