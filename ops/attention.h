// Attention: multi-head self-attention without the projections.
//
//   qkv  (B, T, 3D) float, last dimension [q | k | v], each D = H·dh wide with
//        head h at h·dh (torch's qkv.reshape(B, T, 3, H, dh))
//   query_ids (B, Q) i32, optional: query i of image b is q of row
//        query_ids[b, i]; keys and values are those of all T rows. Ids may
//        repeat; an id outside [0, T) is a fault (OutOfRange). Without this
//        input Q = T and each row is a query.
//   y    (B, Q, D)   y = softmax(q·kᵀ / sqrt(dh))·v for each head; qkv's dtype
//   lse  (B, H, Q)   log of the sum of the exponentials of each row's scaled
//                    scores, maximum included: probability = exp(score - lse);
//                    f32 where qkv is bf16, else qkv's dtype
//
// Attribute heads: H. Saved for the gradient: qkv, y and lse, from which it
// recomputes the probabilities, so no (B, H, T, T) is kept.
//
// AttentionGrad: with P the probabilities, dP = dy·vᵀ, δ = Σ_D dy·y per head:
//   dv = Pᵀ·dy,  ds = P∘(dP - δ)/sqrt(dh),  dq = ds·k,  dk = dsᵀ·q
//
//   qkv, y, lse, dy (B, T, D) -> dqkv (B, T, 3D)
//
// Only Attention without query_ids has a gradient. With bf16, sums and softmax
// are f32 and results are rounded once; a backend may round probabilities and
// ds to bf16 before they enter products.
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
