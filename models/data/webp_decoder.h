// WebP, lossy and lossless, by libwebp.
//
// As Pillow's convert("RGB"): the alpha channel is dropped, not blended; EXIF and colour
// profiles are ignored; of an animation the first frame is taken, on a black canvas.
// Truncated and damaged files are refused.
#ifndef MODELS_DATA_WEBP_DECODER_H_
#define MODELS_DATA_WEBP_DECODER_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "models/data/image.h"

namespace models {

bool LooksLikeWebp(absl::string_view bytes);

// Reuses the memory of `image`. InvalidArgument with the reason, in words without the
// file's name. Thread-safe.
absl::Status DecodeWebp(absl::string_view bytes, Image* image);

}  // namespace models

#endif  // MODELS_DATA_WEBP_DECODER_H_
