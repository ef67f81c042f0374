// RestoreRows: the full-length sequence that an MAE decoder reads: each visible
// row goes back to its place in the image, and each hidden place gets the mask
// token.
//
//   x (B, P+V, D), mask_token (D elements), ids_keep (B, V) i32, mask (B, L) u8
//     -> y (B, P+L, D)
//
//   y[b, r]                   = x[b, r]          r < P (class token)
//   y[b, P + ids_keep[b, v]]  = x[b, P + v]
//   y[b, P + p]               = mask_token       where mask[b, p] = 1
//
// Attribute prefix: P >= 0. ids_keep and mask come from MaskSample: each patch is
// either in ids_keep once or has mask 1, so every row is written once. V <= L.
// x and mask_token are both f32 or both f64.
//
// RestoreRowsGrad: dy (B, P+L, D), ids_keep, mask -> dx (B, P+V, D), d_mask_token
//   dx gathers the rows back; d_mask_token = sum of dy over the hidden places,
//   per image in double, then over images in index order. Attributes: prefix, and
//   shape, the shape of the mask token.
//
// Source: forward_decoder in models_mae.py and models_DropPos_mae.py.
#ifndef OPS_DROPPOS_RESTORE_ROWS_H_
#define OPS_DROPPOS_RESTORE_ROWS_H_

#include "graph/schema/schema.h"

namespace ops::droppos {

void RegisterRestoreRows(graph::SchemaRegistry* registry);

}  // namespace ops::droppos

#endif  // OPS_DROPPOS_RESTORE_ROWS_H_
