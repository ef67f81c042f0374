// timm's random erasing: rectangles of a normalised picture become noise or the mean colour.
#ifndef MODELS_DATA_RANDOM_ERASING_H_
#define MODELS_DATA_RANDOM_ERASING_H_

#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "models/data/image.h"

namespace models {

enum class EraseMode {
  kPixel,  // each value of each channel is drawn from N(0, 1)
  kConst,  // zero, which is the mean colour
  kRand,   // one value for each channel of a rectangle, drawn from N(0, 1)
};

struct ErasingOptions {
  double probability = 0;  // of a picture, in [0, 1]
  EraseMode mode = EraseMode::kPixel;
  int count = 1;  // most rectangles in a picture: from 1 to this many, which share the area

  // The mode called "pixel", "const" or "rand"; others are a bug.
  static EraseMode Mode(absl::string_view name);
};

// One of `count` rectangles in a picture of this size: ten tries to fit one of random area and
// aspect ratio strictly inside; none otherwise. `random` draws as graph::RandomStream does: each
// try an area (share of the picture, before it is divided by `count`) and a logarithm of the ratio,
// then the top and the left.
template <typename Random>
absl::optional<PixelBox> SampleErased(int width, int height, int count, Random* random) {
  constexpr int kTries = 10;
  constexpr double kLeastArea = 0.02, kMostArea = 1.0 / 3.0, kLeastRatio = 0.3;
  const double log_ratio = std::log(1 / kLeastRatio);
  const double picture = static_cast<double>(int64_t{width} * height);
  for (int i = 0; i < kTries; ++i) {
    const double area = random->Uniform(kLeastArea, kMostArea) * picture / count;
    const double ratio = std::exp(random->Uniform(std::log(kLeastRatio), log_ratio));
    // Ties go to the even number, as in Python.
    const int h = static_cast<int>(std::nearbyint(std::sqrt(area * ratio)));
    const int w = static_cast<int>(std::nearbyint(std::sqrt(area / ratio)));
    if (w >= width || h >= height) continue;
    const int y = static_cast<int>(random->Below(static_cast<uint64_t>(height - h + 1)));
    const int x = static_cast<int>(random->Below(static_cast<uint64_t>(width - w + 1)));
    return PixelBox{x, y, w, h};
  }
  return absl::nullopt;
}

// Those of the picture with this key (graph::SampleKey). None, mostly.
std::vector<PixelBox> DrawErased(const ErasingOptions& options, int width, int height,
                                 uint64_t key);

// Fills the boxes of a picture (channels, height, width) in their order; they lie inside it. The
// values hang on the key alone.
void Erase(const std::vector<PixelBox>& boxes, EraseMode mode, uint64_t key, int channels,
           int width, int height, float* picture);

}  // namespace models

#endif  // MODELS_DATA_RANDOM_ERASING_H_
