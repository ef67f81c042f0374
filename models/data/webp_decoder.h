// Decodes WebP, lossy and lossless, by libwebp.
//
// Like Pillow's convert("RGB"): the alpha channel is dropped, not blended; EXIF and colour profiles
// are ignored; an animation gives its first frame, on a black canvas. Truncated and damaged files
// are refused.
#ifndef MODELS_DATA_WEBP_DECODER_H_
#define MODELS_DATA_WEBP_DECODER_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "models/data/image.h"
#include "models/data/picture_limits.h"

namespace models {

// Reuses the memory of `image`. Errors: picture_error.h. Thread-safe.
absl::Status DecodeWebp(absl::string_view bytes, const PictureLimits& limits, Image* image);

}  // namespace models

#endif  // MODELS_DATA_WEBP_DECODER_H_
