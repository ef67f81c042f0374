// EmbeddingDrop: adds to each visible token its position embedding, or a
// substitute if its position is dropped.
//
//   tokens (B, V, D), table (L*D elements), mask_token (D elements),
//   ids_keep (B, V) i32, mask_pos (B, V) u8,
//   [ids_dropped (B, N) i32, order (B, N) i32]  ->  y (B, V, D)
//
//   y[b,v] = tokens[b,v] + (mask_pos[b,v] ? substitute : table[ids_keep[b,v]])
//
// Attribute kind, the official mask_token_type, says what the substitute is:
//   "param"      mask_token
//   "zeros"      zero; mask_token is not read
//   "wrong_pos"  the position of another dropped patch of the image: the i-th
//                token (by ascending v) whose position is dropped gets
//                table[ids_dropped[b, order[b,i]]]; mask_token is not read.
//                ids_dropped comes from MaskSample, order from RandomOrder; N =
//                V-K, the number of dropped positions of each image. These two
//                inputs are required for this kind and refused for the others.
// tokens, table and mask_token are all f32 or all f64. The table has no row for
// the class token, which never loses its position. ids are in [0, L), order is in
// [0, N), and each image's mask_pos has N ones; anything else is a fault.
//
// In place: y over tokens.
//
// EmbeddingDropGrad: dy (B, V, D), mask_pos (B, V) -> d_mask_token
//   d_mask_token = sum of dy over the dropped (b, v), per image, then over images
//   in index order; attribute shape is that of the mask token.
// The gradient of tokens is dy itself. The table is fixed; asking for its gradient
// is an error.
//
// Source: paper section 3.1; forward_encoder in models_DropPos_mae.py.
#ifndef OPS_DROPPOS_EMBEDDING_DROP_H_
#define OPS_DROPPOS_EMBEDDING_DROP_H_

#include "graph/schema/schema.h"

namespace ops::droppos {

void RegisterEmbeddingDrop(graph::SchemaRegistry* registry);

}  // namespace ops::droppos

#endif  // OPS_DROPPOS_EMBEDDING_DROP_H_
