// XavierFill, ConstantFill: the initial value of a parameter or other state.
//
//   y  `shape`, `dtype` ("f32" or "f64"; ConstantFill also "i32", for counters,
//      which must hold the value)
//
// XavierFill: any initialiser of ops/initializer.h (formulas there): attributes
// initializer, seed (the bits of a 64-bit key), fan_in, fan_out, value, grid.
// ConstantFill: only initializer "constant", attribute value. There are two types
// because Netron's Caffe2 reader takes parameter shapes from them. They are the
// init net's only operators; gradients stop here. Deterministic: element i depends
// on (seed, i) only.
#ifndef OPS_INITIALIZE_H_
#define OPS_INITIALIZE_H_

#include "graph/schema/schema.h"

namespace ops {

void RegisterInitialize(graph::SchemaRegistry* registry);

}  // namespace ops

#endif  // OPS_INITIALIZE_H_
