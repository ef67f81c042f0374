// MaskSample: which patches an image shows, and which of those lose their
// position.
//
//   keys (B) i64  ->  ids_keep    (B, V)   i32  visible patches, in drawn order
//                     mask        (B, L)   u8   1 = patch hidden
//                     ids_restore (B, L)   i32  inverse of the drawn order
//                     mask_pos    (B, V)   u8   1 = position dropped
//                     ids_dropped (B, V-K) i32  patches whose position is dropped
//
// Attributes: num_patches L, num_visible V, num_pos_kept K, 0 <= K < V <= L.
//
// Each image is drawn from its own key, so its masks depend neither on its
// place in the batch nor on threads or backend. With order = argsort of L
// random 64-bit words (kPatchMask of purposes.h; ties by index):
//   ids_keep = order[:V], ids_restore = argsort(order), mask[p] = ids_restore[p] >= V.
// With pos = argsort of V words (kPositionMask of purposes.h): the visible patches
// pos[:K] keep their position, the others are dropped; ids_dropped lists
// ids_keep[v] of these by ascending v.
//
// Two inputs, noise_patch (B, L) and noise_pos (B, V), f32 or f64, replace the
// keys: the orders are then stable argsorts of the noise. This is how recorded
// runs are replayed.
//
// Integers only, bit-equal on every backend. No gradient.
// Source: paper section 3.1; random_masking in models_DropPos_mae.py.
#ifndef OPS_DROPPOS_MASK_SAMPLE_H_
#define OPS_DROPPOS_MASK_SAMPLE_H_

#include "graph/schema/schema.h"

namespace ops::droppos {

void RegisterMaskSample(graph::SchemaRegistry* registry);

}  // namespace ops::droppos

#endif  // OPS_DROPPOS_MASK_SAMPLE_H_
