// ClipFactors: decides whether a step updates the parameters, and computes the factor by which
// each gradient is multiplied before the update.
//
//   losses       (k), float: losses of the window's micro-batches so far
//   limit        (1), the same dtype
//   norms        n inputs (1), the same dtype: the norm of each parameter's gradient
//   factors      (n)
//   global_norm  (1)  sqrt(Σ norm²)
//   clipped      (1) i32: the number of factors below 1, decided in double
//   applied      (1) i32: 1, or 0 where the step must change nothing
//
// A step is applied if all losses and norms, the global norm included, are finite, the mean of
// the losses is not above `limit` (∞: no limit; -∞: nothing is applied), and no kernel of the run
// has found a fault (graph/runtime/kernel.h). Otherwise every factor is NaN, and AdamW changes
// nothing, whatever max_norm is; `clipped` is what it would be for an applied step, or 0 if a norm
// is not finite.
//
// Attributes: max_norm (0: no clipping) and mode:
//   "parameter"  factor_i = min(1, max_norm / (norm_i + 1e-6)): each parameter by
//                itself, as clip_gradients in util/utils.py does
//   "global"     the same factor for all, from the global norm
// Computed in double, rounded once; the mean is Σ loss/k in index order.
#ifndef OPS_CLIP_FACTORS_H_
#define OPS_CLIP_FACTORS_H_

#include "graph/schema/schema.h"

namespace ops {

// Positions of its inputs and outputs.
struct ClipFactorsArgs {
  enum In { kLosses, kLimit, kFirstNorm };
  enum Out { kFactors, kGlobalNorm, kClipped, kApplied };
};

void RegisterClipFactors(graph::SchemaRegistry* registry);

}  // namespace ops

#endif  // OPS_CLIP_FACTORS_H_
