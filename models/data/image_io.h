// JPEG and PNG files to RGB images, and RGB images to PNG files.
//
// The format is taken from the first bytes, never from the file's name. JPEG is
// decoded as Pillow decodes it (accurate integer DCT, smooth chroma upsampling),
// grey becomes RGB, and CMYK is converted with Pillow's formula for the inverted
// values that such files hold. PNG of any depth and colour type becomes 8-bit
// RGB; transparency is dropped, not blended. A file that decodes only with a
// warning from the JPEG library (truncated, corrupt entropy data) is refused.
//
// All functions are thread-safe.
#ifndef MODELS_DATA_IMAGE_IO_H_
#define MODELS_DATA_IMAGE_IO_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "models/data/image.h"

namespace models {

// Larger pictures are refused before any memory is taken for them: a few
// kilobytes of file can claim gigabytes of pixels.
inline constexpr int64_t kMaxImagePixels = 100'000'000;
inline constexpr int64_t kMaxImageFileBytes = int64_t{1} << 28;

// The picture in `bytes`; InvalidArgument with the reason (the caller adds the path).
absl::StatusOr<Image> DecodeImage(absl::string_view bytes);

// The picture in the file `path`; every error names the path and the reason.
absl::StatusOr<Image> ReadImage(const std::string& path);

// Writes `image` as an 8-bit RGB PNG file.
absl::Status WritePng(const std::string& path, const Image& image);

}  // namespace models

#endif  // MODELS_DATA_IMAGE_IO_H_
