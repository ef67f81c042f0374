// PositionWeights: the weight of each visible patch in the loss (attentive
// reconstruction).
//
//   features (B, 1+L, D), ids_keep (B, V) i32  ->  weights (B, V), full (B, L)
//
//   s[b,p]  = cos(features[b,0], features[b,1+p]) / tau
//   full    = softmax of s over the L patches
//   weights = full gathered at ids_keep, divided by its sum over the V
//
// features are the encoder's output for the whole image with all positions: the
// class token, then L patches. Norms are clamped from below at 1e-8, as in torch's
// cosine_similarity. weights are computed as the softmax of s over the visible
// patches, which gives the same numbers and cannot become 0/0.
//
// f32 or f64. Attribute tau > 0. ids in [0, L). V <= L.
// No gradient: the loss does not train what weights it.
//
// GatheredPositionWeights: the same weights from the rows they depend on.
//
//   features (B, 1+V, D): the class token, then the V visible patches
//     ->  weights (B, V)
//
// TokenRows: the indices of these rows in (B, 1+L, D).
//
//   ids_keep (B, V) i32  ->  rows (B, 1+V) i32: 0, then 1 + ids_keep
//
// The row_pruning pass replaces PositionWeights by these two if nothing reads `full`,
// so that the guide's last block computes these rows only. No gradient either.
//
// Source: paper section 3.2 (attentive reconstruction); get_feature_similarity
// in models_DropPos_mae.py.
#ifndef OPS_DROPPOS_POSITION_WEIGHTS_H_
#define OPS_DROPPOS_POSITION_WEIGHTS_H_

#include "graph/schema/schema.h"

namespace ops::droppos {

// The smallest norm the cosine divides by.
constexpr double kCosineEps = 1e-8;

void RegisterPositionWeights(graph::SchemaRegistry* registry);

}  // namespace ops::droppos

#endif  // OPS_DROPPOS_POSITION_WEIGHTS_H_
