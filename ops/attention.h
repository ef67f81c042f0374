// Attention: multi-head self-attention without the projections.
//
//   qkv  (B, T, 3D) float, last dimension [q | k | v], each D = H·dh wide with
//        head h at h·dh (torch's qkv.reshape(B, T, 3, H, dh))
//   y    (B, T, D)   y = softmax(q·kᵀ / sqrt(dh))·v for each head
//   lse  (B, H, T)   log of the sum of the exponentials of each row's scaled
//                    scores, maximum included: probability = exp(score - lse)
//
// Attribute heads: H. Saved for the gradient: qkv, y and lse, from which the
// probabilities are made again, so no (B, H, T, T) is kept.
//
// AttentionGrad: with P the probabilities, dP = dy·vᵀ, δ = Σ_D dy·y per head:
//   dv = Pᵀ·dy,  ds = P∘(dP - δ)/sqrt(dh),  dq = ds·k,  dk = dsᵀ·q
//
//   qkv, y, lse, dy (B, T, D) -> dqkv (B, T, 3D)
//
// Deterministic: heads and images are independent, sums run in a fixed order.
// Source: Vaswani et al., arXiv:1706.03762; timm's vision_transformer.Attention;
// the recomputation is that of Dao et al., arXiv:2205.14135.
#ifndef OPS_ATTENTION_H_
#define OPS_ATTENTION_H_

#include "graph/schema/schema.h"

namespace ops {

void RegisterAttention(graph::SchemaRegistry* registry);

}  // namespace ops

#endif  // OPS_ATTENTION_H_
