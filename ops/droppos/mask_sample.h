// MaskSample: draws which patches of an image are visible, and which of those
// lose their position.
//
//   keys (B) i64  ->  ids_keep    (B, V)   i32  visible patches, in drawn order
//                     mask        (B, L)   u8   1 = patch hidden
//                     ids_restore (B, L)   i32  inverse of the drawn order
//                     mask_pos    (B, V)   u8   1 = position dropped
//                     ids_dropped (B, V-K) i32  patches whose position is dropped
//
// Attributes: num_patches L, num_visible V, num_pos_kept K, 0 <= K < V <= L.
//
// Each image has its own key, so its masks depend neither on its place in the
// batch nor on threads or backend. With order = argsort of L random 64-bit words
// (kPatchMask of purposes.h; ties by index):
//   ids_keep = order[:V], ids_restore = argsort(order), mask[p] = ids_restore[p] >= V.
// With pos = argsort of V words (kPositionMask of purposes.h), the visible patches
// pos[:K] keep their positions and the others lose them; ids_dropped lists
// ids_keep[v] of the others by ascending v.
//
// Instead of keys, the inputs may be noise_patch (B, L) and noise_pos (B, V), f32
// or f64: the orders are then stable argsorts of the noise. Recorded runs are
// replayed with these.
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
