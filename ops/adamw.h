// AdamW: one optimizer step of one parameter or more, as torch.optim.AdamW.
//
//   lr          (1), float
//   factors     (n), the same dtype: what ClipFactors says
//   step        (1) i32: t, 1 at the first step
//   then for each parameter i
//   w, g, m, v  one shape, the dtype of lr: parameter, gradient, first and second moment
//   w_out, m_out, v_out  as w
//
//   g *= factors[indices[i]];  lr' = lr·lr_scales[i];  w *= 1 - lr'·weight_decays[i]
//   m = beta1·m + (1 - beta1)·g;  v = beta2·v + (1 - beta2)·g²
//   w -= lr'/(1 - beta1^t) · m / (sqrt(v)/sqrt(1 - beta2^t) + eps)
//
// The powers are taken in double. A factor that is not finite leaves w, m and v
// bit for bit as they were, so that a bad step can be replayed. Attributes:
// beta1, beta2, eps (floats); indices, lr_scales, weight_decays (one a parameter). In place:
// w, m and v. Elementwise, so deterministic; parameters do not change each other's bits. Nets
// are built with one parameter an operator; the tensor_grouping pass joins them.
// Source: Loshchilov and Hutter, arXiv:1711.05101.
#ifndef OPS_ADAMW_H_
#define OPS_ADAMW_H_

#include "graph/schema/schema.h"

namespace ops {

// Positions of inputs and outputs, those of a parameter counted from its first.
struct AdamWArgs {
  enum Shared { kLr, kFactors, kStep, kNumShared };
  enum In { kW, kG, kM, kV, kNumIn };
  enum Out { kNewW, kNewM, kNewV, kNumOut };

  // The first input and output of parameter i.
  static constexpr int FirstIn(int i) { return kNumShared + i * kNumIn; }
  static constexpr int FirstOut(int i) { return i * kNumOut; }
  static constexpr int NumParameters(size_t inputs) {
    return static_cast<int>((inputs - kNumShared) / kNumIn);
  }
};

void RegisterAdamW(graph::SchemaRegistry* registry);

}  // namespace ops

#endif  // OPS_ADAMW_H_
