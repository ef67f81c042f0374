// Joins a matrix product, its bias and an activation into one operator, so that
// bias and activation are applied while the product is still in cache.
//
//   before                                        after
//   p f32[8,64] = MatMul(x, w) trans_w=1 @fc      y f32[8,64] = Linear(x, w, b)
//   q f32[8,64] = BiasAdd(p, b)                       activation="gelu" @fc
//   y f32[8,64] = Gelu(q)
//
// Two rewrites, applied in one sweep, each on its own:
//   MatMul (trans_w=1) + BiasAdd  ->  Linear activation="none"
//   Linear activation="none" + Gelu  ->  Linear activation="gelu"
// The new operator stands where the last of the old ones stood, has the name of
// the product, and defines the blob that the last one defined.
//
// Preconditions: gradients have been taken; the bias is a vector (N) with an
// element for each column; the intermediate value has no other reader and is
// not a root. In a training net GeluGrad reads the pre-activation, so there the
// second rewrite happens in the guide only.
//
// Does not apply to trans_w=0, to a bias of another rank (position tables), nor
// where x, w or b is a state that is overwritten between the old operators.
#ifndef GRAPH_PASSES_LINEAR_FUSION_H_
#define GRAPH_PASSES_LINEAR_FUSION_H_

#include "graph/passes/pass.h"

namespace graph {

class LinearFusionPass : public Pass {
 public:
  absl::string_view name() const override { return "linear_fusion"; }
  absl::StatusOr<bool> Run(Net* net, const SchemaRegistry& registry) const override;
};

}  // namespace graph

#endif  // GRAPH_PASSES_LINEAR_FUSION_H_
