// RandomOrder: a random permutation for each image.
//
//   keys (B) i64  ->  order (B, N) i32, inverse (B, N) i32
//   noise (B, N)  ->  the same, with order = stable argsort of the noise
//
//   inverse[b, order[b, i]] = i
//
// Attributes: count N >= 1; purpose, the stream of the key, so that two permutations
// of one image are independent: "shuffle" (kShuffle of purposes.h) or
// "wrong_position" (kWrongPosition of purposes.h). With keys, order = argsort of N
// random 64-bit words, ties by index (mask_sampling.h). With noise, f32 or f64, the
// purpose is not read; recorded runs are replayed with noise.
//
// Integers only, bit-equal on every backend. No gradient.
// Source: random_masking with ratio 0 (--shuffle) and np.random.shuffle
// (wrong_pos) in forward_encoder of models_DropPos_mae.py. The official wrong_pos
// draws one permutation for the whole batch; here each image has its own.
#ifndef OPS_DROPPOS_RANDOM_ORDER_H_
#define OPS_DROPPOS_RANDOM_ORDER_H_

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "graph/base/random.h"
#include "graph/schema/schema.h"

namespace ops::droppos {

// The stream that a value of attribute purpose names; absent if it names none.
absl::optional<graph::Purpose> OrderPurpose(absl::string_view name);

void RegisterRandomOrder(graph::SchemaRegistry* registry);

}  // namespace ops::droppos

#endif  // OPS_DROPPOS_RANDOM_ORDER_H_
