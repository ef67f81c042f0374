// The order in which an epoch visits the images.
#ifndef MODELS_DATA_EPOCH_ORDER_H_
#define MODELS_DATA_EPOCH_ORDER_H_

#include <cstdint>
#include <vector>

namespace models {

// A permutation of [0, n), a pure function of (n, seed, epoch): Fisher-Yates with the stream
// (MixKeys(seed, epoch), Purpose::kPermutation).
std::vector<int64_t> EpochPermutation(int64_t n, uint64_t seed, int64_t epoch);

// Remembers the permutations of the last two epochs asked for. Not thread-safe.
class EpochOrder {
 public:
  EpochOrder(int64_t n, uint64_t seed) : n_(n), seed_(seed) {}
  // The image at `place` of `epoch`; places beyond n start over.
  int64_t At(int64_t epoch, int64_t place);

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
