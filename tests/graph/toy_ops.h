// A few operators and kernels for tests of the engine, which must not depend on
// the real ones: the engine knows nets, not maths.
#ifndef TESTS_GRAPH_TOY_OPS_H_
#define TESTS_GRAPH_TOY_OPS_H_

#include "graph/compiler/backend.h"
#include "graph/schema/schema.h"

namespace graph {

// All types are f32 unless said otherwise; x, y have one shape.
//   Fill() value shape dtype -> y       no gradient
//   Add(a, b) -> y                      either input may be overwritten
//   Mul(a, b) -> y
//   Square(x) -> y
//   SquareGrad(x, dy) -> dx             not differentiable
//   Scale(x) factor=1.0 -> y            in place
//   Sum(x) -> y f32[1]
//   Spread(dy f32[1], x) -> dx          every element is dy; not differentiable
//   SumDiff(a, b) -> sum, diff          gradient of each output may be missing
//   Gate(x, mask) -> y                  x * mask; passes nothing to the mask
//   StopGradient(x) -> y                no gradient
//   Round(x) -> y                       not differentiable
//   SumN(x...) -> y                     variadic; no gradient
//   Bias(x, b?) -> y                    x + b; b is optional; no gradient
//   Tagged(x) count rate=0.5 label="" dims=[] -> y   in place; a copy of x; no
//                                       gradient. One attribute of each kind but
//                                       a list of floats
//   Weighted(x) weights -> y            the same with a list of floats
//   Lopsided(x) -> y                    its gradient has a wrong type
//   Stubborn(x) -> y                    its gradient maker fails
//   Burst(x) -> y                       a copy; the kernel fails when x[0] < 0
//   Reverse(x) -> y                     in reverse order, by way of scratch
//   Orphan(x) -> y                      has no kernel; no gradient
const SchemaRegistry& ToyRegistry();

// Kernels for all of them but Orphan and the two with bad gradients, f32 only.
const Backend& ToyBackend();

}  // namespace graph

#endif  // TESTS_GRAPH_TOY_OPS_H_
