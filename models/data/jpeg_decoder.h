// JPEG, whole or in part, by libjpeg-turbo.
//
// A part is decoded to the same bytes as the whole picture's decoding has there, with
// less work: rows below it are not read at all, rows above it and columns beside it are
// read but not transformed. Where the request allows it, the inverse transform makes a
// picture of a half, a quarter or an eighth of the size.
//
// What Pillow's decoder does: accurate integer DCT, smooth chroma upsampling, grey
// becomes RGB, CMYK by Pillow's formula for inverted inks, EXIF and profiles ignored.
// A warning of the library is an error where it says that pixels are wrong or missing; one that
// leaves them as they are (junk between segments, odd headers of cameras) is none. What is refused
// does not depend on the part, but for damage below it, which is not seen: a file without its end
// is refused whatever the part. Nor is a code seen that stands in no Huffman table of a baseline
// file: libjpeg-turbo's fast decoder takes it for a zero and does not warn.
#ifndef MODELS_DATA_JPEG_DECODER_H_
#define MODELS_DATA_JPEG_DECODER_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "models/data/picture_limits.h"
#include "models/data/picture_part.h"

namespace models {

// Errors as picture_error.h has them. Of a picture in one scan only the pixels that come out count
// for the limit: a part that may be shrunk may be of a larger picture. Thread-safe.
absl::Status DecodeJpeg(absl::string_view bytes, const PartPlan& plan, const PictureLimits& limits,
                        PicturePart* part);

// A picture of that size in more scans is refused: each costs a walk over the whole of it.
int64_t MostJpegScans(int64_t width, int64_t height);

}  // namespace models

#endif  // MODELS_DATA_JPEG_DECODER_H_
