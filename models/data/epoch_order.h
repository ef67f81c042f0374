// The order in which an epoch visits the images.
#ifndef MODELS_DATA_EPOCH_ORDER_H_
#define MODELS_DATA_EPOCH_ORDER_H_

#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

#include "graph/base/random.h"

namespace models {

// A permutation of [0, n), a pure function of (n, seed, epoch): Fisher-Yates with the stream
// (MixKeys(seed, epoch), Purpose::kPermutation).
inline std::vector<int64_t> EpochPermutation(int64_t n, uint64_t seed, int64_t epoch) {
  std::vector<int64_t> order(n);
  std::iota(order.begin(), order.end(), 0);
  graph::RandomStream random(graph::MixKeys(seed, static_cast<uint64_t>(epoch)),
                             graph::Purpose::kPermutation);
  for (int64_t i = n - 1; i > 0; --i) {
    std::swap(order[i], order[random.Below(static_cast<uint64_t>(i) + 1)]);
  }
  return order;
}

// Remembers the permutations of the last two epochs asked for. Not thread-safe.
class EpochOrder {
 public:
  EpochOrder(int64_t n, uint64_t seed) : n_(n), seed_(seed) {}
  // The image at `place` of `epoch`; places beyond n start over.
  int64_t At(int64_t epoch, int64_t place) {
    Slot& slot = slots_[epoch & 1];
    if (slot.epoch != epoch) slot = {epoch, EpochPermutation(n_, seed_, epoch)};
    return slot.order[place % n_];
  }

 private:
  struct Slot {
    int64_t epoch = -1;
    std::vector<int64_t> order;
  };
  int64_t n_;
  uint64_t seed_;
  Slot slots_[2];
};

}  // namespace models

#endif  // MODELS_DATA_EPOCH_ORDER_H_
