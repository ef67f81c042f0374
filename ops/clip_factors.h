// ClipFactors: what each gradient is multiplied with before the optimizer's step.
//
//   norms        n inputs (1), float: the norm of each parameter's gradient
//   factors      (n)
//   global_norm  (1)  sqrt(Σ norm²)
//   clipped      (1) i32: the number of factors below 1, decided in double
//
// Attributes: max_norm (0: no clipping) and mode:
//   "parameter"  factor_i = min(1, max_norm / (norm_i + 1e-6)), as
//                util/utils.py clip_gradients: each parameter by itself
//   "global"     the same factor for all, from the global norm
// When any norm is not finite, every factor is NaN and clipped is 0: AdamW then
// changes nothing, whatever max_norm is. Computed in double, rounded once.
#ifndef OPS_CLIP_FACTORS_H_
#define OPS_CLIP_FACTORS_H_

#include "graph/schema/schema.h"

namespace ops {

void RegisterClipFactors(graph::SchemaRegistry* registry);

}  // namespace ops

#endif  // OPS_CLIP_FACTORS_H_
