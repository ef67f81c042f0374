// The first picture of a GIF, by giflib, as Pillow's convert("RGB") shows it: transparency is
// dropped; around a frame that does not fill the canvas the transparent colour is shown, or else
// the first colour.
#ifndef MODELS_DATA_GIF_DECODER_H_
#define MODELS_DATA_GIF_DECODER_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "models/data/image.h"
#include "models/data/picture_limits.h"

namespace models {

// Reuses the memory of `image`. Errors: picture_error.h. Thread-safe.
absl::Status DecodeGif(absl::string_view bytes, const PictureLimits& limits, Image* image);

}  // namespace models

#endif  // MODELS_DATA_GIF_DECODER_H_
