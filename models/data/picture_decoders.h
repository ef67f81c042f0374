// The decoders of whole pictures, by the libraries of the formats; jpeg_decoder.h decodes parts.
//
// Samples become 8-bit RGB unchanged, as in Pillow's convert("RGB"): gamma, chromaticities, EXIF
// and profiles are ignored, transparency is dropped and not blended, 16-bit colour keeps the high
// byte. Only 16-bit grey is scaled and rounded; Pillow turns everything above 255 white. Truncated
// and damaged files are refused.
//
// With PictureLimits::channels, PNG and TIFF of 16 bits a sample become Image::deep: one channel
// for grey, three for colours. With 4, so does every picture of four channels, alpha or not.
//
// All reuse the memory of `image` and are thread-safe. Errors: picture_error.h.
#ifndef MODELS_DATA_PICTURE_DECODERS_H_
#define MODELS_DATA_PICTURE_DECODERS_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "models/data/image.h"
#include "models/data/picture_limits.h"

namespace models {

// PNG of any depth and colour type. Chunks that do not affect the pixels are skipped unread, so
// damage in them does not matter. An unknown critical chunk would change the pixels and is refused.
absl::Status DecodePng(absl::string_view bytes, const PictureLimits& limits, Image* image);

// WebP, lossy and lossless. An animation gives its first frame, on a black canvas.
absl::Status DecodeWebp(absl::string_view bytes, const PictureLimits& limits, Image* image);

// The first page of a TIFF: grey (1 to 16 bits), palettes, RGB (8 and 16 bits), and JPEG-compressed
// colours, with any compression, in strips or tiles, turned upright as the file says. Other samples
// (CMYK, Lab, floating point, planar colours, premultiplied alpha) are refused by name.
absl::Status DecodeTiff(absl::string_view bytes, const PictureLimits& limits, Image* image);

// Windows bitmaps with uncompressed samples: palettes of 1, 4 and 8 bits; colours of 16 (5-5-5 or
// by masks), 24 and 32 bits; rows from the top or from the bottom. As in Pillow, the fourth byte is
// dropped, and samples of fewer bits are scaled to 255 and rounded down. Run-length encoding and
// embedded pictures (JPEG, PNG) are refused by name.
absl::Status DecodeBmp(absl::string_view bytes, const PictureLimits& limits, Image* image);

// The first picture of a GIF. Around a frame that does not fill the canvas the transparent colour
// is shown, or else the first colour.
absl::Status DecodeGif(absl::string_view bytes, const PictureLimits& limits, Image* image);

}  // namespace models

#endif  // MODELS_DATA_PICTURE_DECODERS_H_
