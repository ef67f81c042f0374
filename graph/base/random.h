// Counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel Random
// Numbers: As Easy as 1, 2, 3", SC 2011).
//
// Every random decision is a pure function of (seed, epoch, image, purpose), so
// masks, crops and flips do not depend on the number of workers, threads or
// ranks, nor on whether a run was resumed. Header-only and stateless, so that a
// GPU kernel can use the same functions.
#ifndef GRAPH_BASE_RANDOM_H_
#define GRAPH_BASE_RANDOM_H_

#include <array>
#include <cmath>
#include <cstdint>

#include "absl/strings/string_view.h"

namespace graph {

// One Philox4x32-10 block: four uniform 32-bit words for (key, counter).
inline std::array<uint32_t, 4> Philox(std::array<uint32_t, 2> key,
                                      std::array<uint32_t, 4> counter) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t{0xD2511F53} * counter[0];
    const uint64_t p1 = uint64_t{0xCD9E8D57} * counter[2];
    counter = {static_cast<uint32_t>(p1 >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(p1),
               static_cast<uint32_t>(p0 >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(p0)};
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  return counter;
}

// What a stream of random numbers is for. Streams of different purposes are
// independent. Values are part of what a seed means: append, never renumber.
// The engine's purposes are below kFirstPluginPurpose. A plugin numbers its own from there on,
// in ops/<plugin>/purposes.h; 1 to 4 also belong to a plugin, which is older than this range.
enum class Purpose : uint32_t {
  kKey = 0,   // deriving keys, see SampleKey
  kCrop = 5,  // RandomResizedCrop box
  kFlip = 6,
  kPermutation = 7,  // order of an epoch
  kInitialize = 8,   // parameter initialisation
  kScene = 9,        // embedded data set
  kNoise = 10,
  kDropPath = 11,      // which branches an image skips
  kRandAugment = 12,   // operations on a picture, and their levels
  kErase = 13,         // rectangles that random erasing fills
  kErasedValues = 14,  // what it fills them with
  kMixing = 15,        // mixup and cutmix of a group of images
  kFirstPluginPurpose = 1024,
};

// The `index`-th 64-bit word of the stream (key, purpose).
inline uint64_t RandomWord(uint64_t key, Purpose purpose, uint64_t index) {
  const std::array<uint32_t, 4> block =
      Philox({static_cast<uint32_t>(key), static_cast<uint32_t>(key >> 32)},
             {static_cast<uint32_t>(index >> 1), static_cast<uint32_t>(index >> 33),
              static_cast<uint32_t>(purpose), 0});
  const int half = static_cast<int>(index & 1) * 2;
  return block[half] | uint64_t{block[half + 1]} << 32;
}

// Mixes two 64-bit keys into one; calls can be chained: MixKeys(MixKeys(seed, epoch), id).
inline uint64_t MixKeys(uint64_t a, uint64_t b) {
  const std::array<uint32_t, 4> block =
      Philox({static_cast<uint32_t>(a), static_cast<uint32_t>(a >> 32)},
             {static_cast<uint32_t>(b), static_cast<uint32_t>(b >> 32),
              static_cast<uint32_t>(Purpose::kKey), 1});
  return block[0] | uint64_t{block[1]} << 32;
}

// The key of one image in one epoch, for MaskSample and the crops.
inline uint64_t SampleKey(uint64_t seed, uint64_t epoch, uint64_t image_id) {
  return MixKeys(MixKeys(seed, epoch), image_id);
}

// FNV-1a of `text` through one Philox block. Makes the image id of a relative
// path and the initialisation key of a parameter name.
inline uint64_t HashName(absl::string_view text) {
  uint64_t h = 0xcbf29ce484222325ULL;
  for (char c : text) h = (h ^ static_cast<uint8_t>(c)) * 0x100000001b3ULL;
  return MixKeys(h, text.size());
}

// Sequential reader of one stream.
class RandomStream {
 public:
  RandomStream(uint64_t key, Purpose purpose) : key_(key), purpose_(purpose) {}

  uint64_t Next() { return RandomWord(key_, purpose_, index_++); }
  // Uniform in [0, 1), 53 bits.
  double Uniform() { return static_cast<double>(Next() >> 11) * 0x1p-53; }
  double Uniform(double low, double high) { return low + (high - low) * Uniform(); }
  // Uniform in [0, n), n > 0; the bias is below n / 2^64.
  uint64_t Below(uint64_t n) {
    return static_cast<uint64_t>((static_cast<unsigned __int128>(Next()) * n) >> 64);
  }
  // Standard normal (Box-Muller, one of the pair).
  double Normal() {
    const double u = 1.0 - Uniform();  // (0, 1]: the logarithm is finite
    const double v = Uniform();
    return std::sqrt(-2.0 * std::log(u)) * std::cos(2.0 * M_PI * v);
  }

 private:
  uint64_t key_;
  Purpose purpose_;
  uint64_t index_ = 0;
};

}  // namespace graph

#endif  // GRAPH_BASE_RANDOM_H_
