// Decodes PNG of any depth and colour type, by libpng.
//
// Samples become 8-bit RGB unchanged, as in Pillow's convert("RGB"): gamma, chromaticities and
// profiles (gAMA, cHRM, sRGB, iCCP) are ignored, transparency (alpha, tRNS) is dropped and not
// blended, 16-bit colour keeps the high byte. Only 16-bit grey is scaled and rounded; Pillow turns
// everything above 255 white.
//
// Chunks that do not affect the pixels are skipped unread, so damage in them does not matter. An
// unknown critical chunk would change the pixels and is refused.
#ifndef MODELS_DATA_PNG_DECODER_H_
#define MODELS_DATA_PNG_DECODER_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "models/data/image.h"
#include "models/data/picture_limits.h"

namespace models {

// Reuses the memory of `image`. Errors: picture_error.h. Thread-safe.
absl::Status DecodePng(absl::string_view bytes, const PictureLimits& limits, Image* image);

}  // namespace models

#endif  // MODELS_DATA_PNG_DECODER_H_
