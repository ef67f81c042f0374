// PNG of any depth and colour type, by libpng.
//
// Samples become 8-bit RGB as they are, as Pillow's convert("RGB") has them: gamma, chromaticities
// and profiles (gAMA, cHRM, sRGB, iCCP) change nothing, transparency (alpha, tRNS) is dropped and
// not blended, of 16-bit colour the high byte counts. Only 16-bit grey is scaled and rounded, where
// Pillow makes white of everything above 255.
//
// Other chunks than the pixels' are passed over unread, so that damage in them is none. A critical
// chunk that libpng does not know means other pixels, and is refused.
#ifndef MODELS_DATA_PNG_DECODER_H_
#define MODELS_DATA_PNG_DECODER_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "models/data/image.h"
#include "models/data/picture_limits.h"

namespace models {

// Reuses the memory of `image`. Errors as picture_error.h has them. Thread-safe.
absl::Status DecodePng(absl::string_view bytes, const PictureLimits& limits, Image* image);

}  // namespace models

#endif  // MODELS_DATA_PNG_DECODER_H_
