// Decodes the first page of a TIFF, by libtiff: grey (1 to 16 bits), palettes, RGB (8 and 16 bits),
// and JPEG-compressed colours, with any compression, in strips or tiles, turned upright as the file
// says. Other samples (CMYK, Lab, floating point, planar colours, premultiplied alpha) are refused
// by name.
//
// Samples become 8-bit RGB as those of PNG do (png_decoder.h).
#ifndef MODELS_DATA_TIFF_DECODER_H_
#define MODELS_DATA_TIFF_DECODER_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "models/data/image.h"
#include "models/data/picture_limits.h"

namespace models {

// Reuses the memory of `image`. Errors: picture_error.h. Thread-safe.
absl::Status DecodeTiff(absl::string_view bytes, const PictureLimits& limits, Image* image);

}  // namespace models

#endif  // MODELS_DATA_TIFF_DECODER_H_
