// Size limits for pictures and their files.
#ifndef MODELS_DATA_PICTURE_LIMITS_H_
#define MODELS_DATA_PICTURE_LIMITS_H_

#include <cstdint>

#include "absl/status/status.h"

namespace models {

struct PictureLimits {
  // Larger pictures are refused before memory is allocated for them: a few kilobytes of file can
  // claim gigabytes of pixels. --max_image_megapixels, in pixels.
  int64_t max_pixels = 100'000'000;

  // Four uncompressed samples of 16 bits for each pixel, and at least enough for a JPEG that is
  // larger than the limit and of which a crop is decoded.
  int64_t max_file_bytes() const {
    constexpr int64_t kLeast = int64_t{256} << 20;
    return 8 * max_pixels > kLeast ? 8 * max_pixels : kLeast;
  }
};

// The flag's value as limits; absurdly large values become a terapixel.
PictureLimits LimitsOfMegapixels(double megapixels);

// InvalidArgument, with what to do, for a picture that is empty or larger than the limit. If it is
// decoded at one pixel for `shrunk` x `shrunk`, the limit is that many times larger.
absl::Status CheckPictureSize(int64_t width, int64_t height, const PictureLimits& limits,
                              int shrunk = 1);

}  // namespace models

#endif  // MODELS_DATA_PICTURE_LIMITS_H_
