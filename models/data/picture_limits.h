// Size limits for pictures and their files, and what a decoder keeps of their samples.
#ifndef MODELS_DATA_PICTURE_LIMITS_H_
#define MODELS_DATA_PICTURE_LIMITS_H_

#include <algorithm>
#include <cstdint>

namespace models {

struct PictureLimits {
  // Larger pictures are refused before memory is allocated for them: a few kilobytes of file can
  // claim gigabytes of pixels. --max_image_megapixels, in pixels.
  int64_t max_pixels = 100'000'000;
  // 0: every picture becomes 8-bit RGB. Otherwise the channels that the net takes, as --channels
  // says: PNG and TIFF keep samples of 16 bits, and with 4 the fourth channel, too (Image::deep).
  int channels = 0;

  // Four uncompressed samples of 16 bits for each pixel, and at least enough for a JPEG that is
  // larger than the limit and of which a crop is decoded.
  int64_t max_file_bytes() const { return std::max(8 * max_pixels, int64_t{256} << 20); }
};

// The flags' values as limits; absurdly large values become a terapixel.
inline PictureLimits LimitsOfMegapixels(double megapixels, int channels = 0) {
  return {static_cast<int64_t>(std::clamp(megapixels, 1e-6, 1e6) * 1e6), channels};
}

}  // namespace models

#endif  // MODELS_DATA_PICTURE_LIMITS_H_
