// Picture files to RGB images, and RGB images to PNG files.
//
// The format is taken from the first bytes, never from the file's name: JPEG, PNG, WebP, TIFF, BMP
// or GIF. All are decoded to the pixels of Pillow's convert("RGB"); where not, the decoder's header
// says so. Truncated and damaged files are refused.
//
// All functions are thread-safe. PictureLimits are those of --max_image_megapixels.
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
// reused. All but JPEG is decoded whole. InvalidArgument with "REASON; what to do" (the
// caller adds the path): what the file is instead, that it breaks off, is damaged, too large or of
// a kind that is not read here; then `part` holds nothing of use.
absl::Status DecodePart(absl::string_view bytes, const PartPlan& plan, PicturePart* part,
                        const PictureLimits& limits = {});
// All of it.
absl::StatusOr<Image> DecodeImage(absl::string_view bytes, const PictureLimits& limits = {});

// The bytes of the file `path`, undecoded. Errors name it, the reason and what to do.
absl::StatusOr<std::string> ReadPicture(const std::string& path, const PictureLimits& limits = {});

// The same from the file `path`; every error names the path and the reason.
absl::Status ReadPart(const std::string& path, const PartPlan& plan, PicturePart* part,
                      const PictureLimits& limits = {});
absl::StatusOr<Image> ReadImage(const std::string& path, const PictureLimits& limits = {});

// "cannot decode NAME: REASON", the reason being DecodePart's.
absl::Status CannotDecode(const std::string& name, const absl::Status& reason);

// Writes `image` as an 8-bit RGB PNG file.
absl::Status WritePng(const std::string& path, const Image& image);

}  // namespace models

#endif  // MODELS_DATA_IMAGE_IO_H_
