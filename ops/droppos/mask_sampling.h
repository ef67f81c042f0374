// Random orders: make a permutation from a key or from given noise. Every
// backend's MaskSample kernel uses them, so that masks are bit-equal everywhere:
// they compare integers only and order equal ones by index.
#ifndef OPS_DROPPOS_MASK_SAMPLING_H_
#define OPS_DROPPOS_MASK_SAMPLING_H_

#include <cstdint>

#include "absl/types/span.h"
#include "graph/base/random.h"

namespace ops::droppos {

// One element to order.
struct RandomItem {
  uint64_t word;
  int32_t index;
};

// Sorts `items` by word, ties by index, and writes their indices to `order`
// (same size). Allocates nothing.
void OrderByWord(absl::Span<RandomItem> items, absl::Span<int32_t> order);

// order = argsort of the words RandomWord(key, purpose, 0 .. n-1), n =
// order.size(); depends on (key, purpose, n) alone. `items` is scratch of the
// same size. Allocates nothing.
void RandomOrder(uint64_t key, graph::Purpose purpose, absl::Span<RandomItem> items,
                 absl::Span<int32_t> order);

// order = stable argsort of `noise` (same size), as numpy.argsort(noise,
// kind="stable"): ascending, equal values by index, NaN last. Allocates nothing.
void NoiseOrder(absl::Span<const float> noise, absl::Span<int32_t> order);
void NoiseOrder(absl::Span<const double> noise, absl::Span<int32_t> order);

}  // namespace ops::droppos

#endif  // OPS_DROPPOS_MASK_SAMPLING_H_
