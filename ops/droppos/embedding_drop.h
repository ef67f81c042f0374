// EmbeddingDrop: adds the position embedding to the visible tokens, or a
// substitute where the position is dropped.
//
//   tokens (B, V, D), table (L*D elements), mask_token (D elements),
//   ids_keep (B, V) i32, mask_pos (B, V) u8,
//   [ids_dropped (B, N) i32, order (B, N) i32]  ->  y (B, V, D)
//
//   y[b,v] = tokens[b,v] + (mask_pos[b,v] ? substitute : table[ids_keep[b,v]])
//
// Attribute kind, the official mask_token_type: what the substitute is.
//   "param"      mask_token
//   "zeros"      zero; mask_token is not read
//   "wrong_pos"  the position of another dropped patch of the image: the i-th
//                token (by ascending v) whose position is dropped gets
//                table[ids_dropped[b, order[b,i]]]; mask_token is not read.
//                ids_dropped is MaskSample's, order RandomOrder's; N = V-K, the
//                dropped positions of each image. These two inputs are required
//                for this kind and refused for the others.
// f32 or f64, one type for the three. The table has no class-token row: the
// class token never loses its position. ids in [0, L), order in [0, N), and N ones in
// each image's mask_pos: the reference backend checks, the CPU trusts them.
//
// y may lie where tokens lie.
//
// EmbeddingDropGrad: dy (B, V, D), mask_pos (B, V) -> d_mask_token
//   d_mask_token = sum of dy over the dropped (b, v); attribute shape is that
//   of the mask token. Summed per image, then over images in index order.
// The gradient of tokens is dy itself; the table is fixed, and asking for its
// gradient is an error.
//
// Source: paper section 3.1; forward_encoder in models_DropPos_mae.py.
#ifndef OPS_DROPPOS_EMBEDDING_DROP_H_
#define OPS_DROPPOS_EMBEDDING_DROP_H_

#include "graph/schema/schema.h"

namespace ops::droppos {

void RegisterEmbeddingDrop(graph::SchemaRegistry* registry);

}  // namespace ops::droppos

#endif  // OPS_DROPPOS_EMBEDDING_DROP_H_
