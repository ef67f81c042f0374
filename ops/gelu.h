// Gelu: y = x·Φ(x), Φ the normal distribution function: the exact form with
// erf, as in torch.nn.GELU(), not the tanh approximation.
//
//   x  (...) f32, bf16 or f64                    y  the same
//
// GeluGrad: dx = dy·(Φ(x) + x·φ(x)), φ the normal density.
//
//   x, dy  (...) float, one type                 dx  the same
//
// Saved for the gradient: x. In place: Gelu over x, GeluGrad over dy.
// Elementwise, so deterministic. Source: Hendrycks and Gimpel, arXiv:1606.08415.
#ifndef OPS_GELU_H_
#define OPS_GELU_H_

#include "graph/schema/schema.h"

namespace ops {

void RegisterGelu(graph::SchemaRegistry* registry);

}  // namespace ops

#endif  // OPS_GELU_H_
