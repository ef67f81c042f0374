#include "models/data/epoch_order.h"

#include <numeric>
#include <utility>

#include "graph/base/random.h"

namespace models {

std::vector<int64_t> EpochPermutation(int64_t n, uint64_t seed, int64_t epoch) {
  std::vector<int64_t> order(n);
  std::iota(order.begin(), order.end(), 0);
  graph::RandomStream random(graph::MixKeys(seed, static_cast<uint64_t>(epoch)),
                             graph::Purpose::kPermutation);
  for (int64_t i = n - 1; i > 0; --i) {
    std::swap(order[i], order[random.Below(static_cast<uint64_t>(i) + 1)]);
  }
  return order;
}

int64_t EpochOrder::At(int64_t epoch, int64_t place) {
  Slot& slot = slots_[epoch & 1];
  if (slot.epoch != epoch) {
    slot.order = EpochPermutation(n_, seed_, epoch);
    slot.epoch = epoch;
  }
  return slot.order[place % n_];
}

}  // namespace models
