// JPEG, whole or in part, by libjpeg-turbo.
//
// A part is decoded to the same bytes as the whole picture's decoding has there, with
// less work: rows below it are not read at all, rows above it and columns beside it are
// read but not transformed. Where the request allows it, the inverse transform makes a
// picture of a half, a quarter or an eighth of the size.
//
// What Pillow's decoder does: accurate integer DCT, smooth chroma upsampling, grey
// becomes RGB, CMYK by Pillow's formula for inverted inks, EXIF and profiles ignored.
// Any warning of the library is an error: it means truncated or damaged data. Damage
// below the part is not seen, but a file without its end is refused whatever the part.
#ifndef MODELS_DATA_JPEG_DECODER_H_
#define MODELS_DATA_JPEG_DECODER_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "models/data/picture_part.h"

namespace models {

// InvalidArgument with the reason, in words without the file's name. Thread-safe.
absl::Status DecodeJpeg(absl::string_view bytes, const PartPlan& plan, PicturePart* part);

}  // namespace models

#endif  // MODELS_DATA_JPEG_DECODER_H_
