// AdamW: one optimizer step of one parameter, as torch.optim.AdamW.
//
//   w, g, m, v  one shape, float: parameter, gradient, first and second moment
//   lr          (1), the same dtype
//   factors     (n), the same dtype: what ClipFactors says
//   step        (1) i32: t, 1 at the first step
//   w_out, m_out, v_out  as w
//
//   g *= factors[index];  w *= 1 - lr·weight_decay
//   m = beta1·m + (1 - beta1)·g;  v = beta2·v + (1 - beta2)·g²
//   w -= lr/(1 - beta1^t) · m / (sqrt(v)/sqrt(1 - beta2^t) + eps)
//
// The powers are taken in double. A factor that is not finite leaves w, m and v
// bit for bit as they were, so that a bad step can be replayed. Attributes:
// beta1, beta2, eps, weight_decay (floats), index. In place: w, m and v.
// Elementwise, so deterministic. Source: Loshchilov and Hutter, arXiv:1711.05101.
#ifndef OPS_ADAMW_H_
#define OPS_ADAMW_H_

#include "graph/schema/schema.h"

namespace ops {

void RegisterAdamW(graph::SchemaRegistry* registry);

}  // namespace ops

#endif  // OPS_ADAMW_H_
