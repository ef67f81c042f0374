// How large pictures and their files may be.
#ifndef MODELS_DATA_PICTURE_LIMITS_H_
#define MODELS_DATA_PICTURE_LIMITS_H_

#include <cstdint>

#include "absl/status/status.h"

namespace models {

struct PictureLimits {
  // Larger pictures are refused before any memory is taken for them: a few kilobytes of file can
  // claim gigabytes of pixels. --max_image_megapixels, in pixels.
  int64_t max_pixels = 100'000'000;

  // Four samples of 16 bits each for a pixel, uncompressed, but never less than the crop of a JPEG
  // beyond the limit may come from.
  int64_t max_file_bytes() const {
    constexpr int64_t kLeast = int64_t{256} << 20;
    return 8 * max_pixels > kLeast ? 8 * max_pixels : kLeast;
  }
};

// The flag's value as limits; what is absurd becomes a terapixel.
PictureLimits LimitsOfMegapixels(double megapixels);

// InvalidArgument, with what to do, for a picture that is empty or larger than the limit. Decoded
// at one pixel for `shrunk` x `shrunk` of its own, it may have so many times more of them.
absl::Status CheckPictureSize(int64_t width, int64_t height, const PictureLimits& limits,
                              int shrunk = 1);

}  // namespace models

#endif  // MODELS_DATA_PICTURE_LIMITS_H_
