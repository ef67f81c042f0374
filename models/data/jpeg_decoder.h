// Decodes JPEG, whole or in part, by libjpeg-turbo.
//
// Decoding a part gives the same bytes as decoding the whole picture, with less work: rows below
// the part are not read, rows above it and columns beside it are read but not transformed. If the
// request allows it, the inverse transform produces a half, a quarter or an eighth of the size.
//
// Matches Pillow's decoder: accurate integer DCT, smooth chroma upsampling, grey becomes RGB, CMYK
// by Pillow's formula for inverted inks, EXIF and profiles ignored. A warning of the library is an
// error if it says that pixels are wrong or missing, and ignored if it leaves them as they are
// (junk between segments, odd camera headers). What is refused does not depend on the part, with
// one exception: damage below the part is not seen. A file without its end is always refused. An
// undefined Huffman code in a baseline file also goes unseen: libjpeg-turbo's fast decoder reads it
// as zero without a warning.
#ifndef MODELS_DATA_JPEG_DECODER_H_
#define MODELS_DATA_JPEG_DECODER_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "models/data/image.h"
#include "models/data/picture_limits.h"

namespace models {

// Errors: picture_error.h. For a picture in one scan only the pixels produced count towards the
// limit, so a part that may be shrunk may come from a larger picture. Thread-safe.
absl::Status DecodeJpeg(absl::string_view bytes, const PartPlan& plan, const PictureLimits& limits,
                        PicturePart* part);

// A picture of that size with more scans is refused, because each scan costs a pass over all of it.
int64_t MostJpegScans(int64_t width, int64_t height);

}  // namespace models

#endif  // MODELS_DATA_JPEG_DECODER_H_
