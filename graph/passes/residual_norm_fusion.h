// Joins a residual addition and the normalisation beside it, forward and backward, so
// that the sum is normalised, or the gradient added, while it is still in cache.
//
//   before                                      after
//   s f32[8,32] = Add(a, b) @add                s f32[8,32], y f32[8,32], m f32[8], v f32[8] =
//   y f32[8,32], m f32[8], v f32[8] =               AddLayerNorm(a, b, g, h) eps=1e-06 @norm
//       LayerNorm(s, g, h) eps=1e-06 @norm
//
// The new operator stands where the addition stood, so that every other reader
// of the sum (the next residual, the gradient) still finds it, and has the name
// of the normalisation. Where several normalisations read one sum the first is
// joined.
//
// Preconditions: a, b and the sum have one type, f32 or f64 (nothing is broadcast);
// gamma and beta are available where the addition stands, as parameters are.
//
// Does not apply where the sum or a result of the normalisation is a state's
// value at exit: moving its writer would move the end of the old value.
//
// When it hurts: y, mean and variance live from the addition on; where the
// normalisation came much later the plan may grow.
//
//   before                                      after
//   dx f32[8,32], dg f32[32], dh f32[32] =      s f32[8,32], dg f32[32], dh f32[32] =
//       LayerNormGrad(x, g, m, v, dy) @n            LayerNormGrad(x, g, m, v, dy, skip) @n
//   s f32[8,32] = Add(dx, skip)
//
// The gradient stands where LayerNormGrad stood. Preconditions: the addition, in
// either order, is the only reader of dx; all three have one type; skip is made
// before LayerNormGrad. Does not apply where s is a state's value at exit.
#ifndef GRAPH_PASSES_RESIDUAL_NORM_FUSION_H_
#define GRAPH_PASSES_RESIDUAL_NORM_FUSION_H_

#include "graph/passes/pass.h"

namespace graph {

class ResidualNormFusionPass : public Pass {
 public:
  absl::string_view name() const override { return "residual_norm_fusion"; }
  absl::StatusOr<bool> Run(Net* net, const SchemaRegistry& registry) const override;
};

}  // namespace graph

#endif  // GRAPH_PASSES_RESIDUAL_NORM_FUSION_H_
