// PositionWeights: how much each visible patch counts in the loss (attentive
// reconstruction).
//
//   features (B, 1+L, D), ids_keep (B, V) i32  ->  weights (B, V), full (B, L)
//
//   s[b,p]  = cos(features[b,0], features[b,1+p]) / tau
//   full    = softmax of s over the L patches
//   weights = full gathered at ids_keep, divided by its sum over the V
//
// features are the encoder's output for the whole image with every position in
// place: the class token, then L patches. Norms are clamped from below at 1e-8,
// as torch's cosine_similarity does. weights are computed as the softmax of s
// over the visible patches, which is the same number and cannot become 0/0.
//
// f32 or f64. Attribute tau > 0. ids in [0, L). V <= L.
// No gradient: what guides the loss is not trained by it.
//
// GatheredPositionWeights: the same weights from the rows they depend on.
//
//   features (B, 1+V, D): the class token, then the V visible patches
//     ->  weights (B, V)
//
// TokenRows: which rows of (B, 1+L, D) these are.
//
//   ids_keep (B, V) i32  ->  rows (B, 1+V) i32: 0, then 1 + ids_keep
//
// Made of PositionWeights by the row_pruning pass where nobody reads `full`, so that
// the guide's last block computes these rows only. No gradient either.
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
