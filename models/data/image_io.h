// JPEG, PNG and WebP files to RGB images, and RGB images to PNG files.
//
// The format is taken from the first bytes, never from the file's name. JPEG and WebP are
// decoded as Pillow decodes them (jpeg_decoder.h, webp_decoder.h). PNG of any depth and
// colour type becomes 8-bit RGB; transparency is dropped, not blended. A file that
// decodes only with a warning of its library (truncated, damaged) is refused.
//
// All functions are thread-safe.
#ifndef MODELS_DATA_IMAGE_IO_H_
#define MODELS_DATA_IMAGE_IO_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "models/data/image.h"
#include "models/data/picture_limits.h"
#include "models/data/picture_part.h"

namespace models {

// The part of the picture in `bytes` that `plan` asks for, in `part`, whose memory is
// reused. PNG and WebP are decoded whole. InvalidArgument with "REASON; what to do" (the
// caller adds the path): what the file is instead, that it breaks off, is damaged or too large;
// then `part` holds nothing of use.
absl::Status DecodePart(absl::string_view bytes, const PartPlan& plan, PicturePart* part);
// All of it.
absl::StatusOr<Image> DecodeImage(absl::string_view bytes);

// The bytes of the file `path`, undecoded. Errors name it, the reason and what to do.
absl::StatusOr<std::string> ReadPicture(const std::string& path);

// The same from the file `path`; every error names the path and the reason.
absl::Status ReadPart(const std::string& path, const PartPlan& plan, PicturePart* part);
absl::StatusOr<Image> ReadImage(const std::string& path);

// "cannot decode NAME: REASON", the reason being DecodePart's.
absl::Status CannotDecode(const std::string& name, const absl::Status& reason);

// Writes `image` as an 8-bit RGB PNG file.
absl::Status WritePng(const std::string& path, const Image& image);

}  // namespace models

#endif  // MODELS_DATA_IMAGE_IO_H_
