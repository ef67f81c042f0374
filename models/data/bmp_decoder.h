// Windows bitmaps with uncompressed samples: palettes of 1, 4 and 8 bits; colours of 16 (5-5-5 or
// by masks), 24 and 32 bits; rows from the top or from the bottom. As in Pillow, the fourth byte is
// dropped, and samples of fewer bits are scaled to 255 and rounded down. Run-length encoding and
// embedded pictures (JPEG, PNG) are refused by name.
#ifndef MODELS_DATA_BMP_DECODER_H_
#define MODELS_DATA_BMP_DECODER_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "models/data/image.h"
#include "models/data/picture_limits.h"

namespace models {

// Reuses the memory of `image`. Errors: picture_error.h. Thread-safe.
absl::Status DecodeBmp(absl::string_view bytes, const PictureLimits& limits, Image* image);

}  // namespace models

#endif  // MODELS_DATA_BMP_DECODER_H_
