// Decodes picture files to RGB images, and writes RGB images as PNG files.
//
// The first bytes determine the format, never the file's name: JPEG, PNG, WebP, TIFF, BMP or GIF.
// All are decoded to the pixels of Pillow's convert("RGB"), except where the decoder's header says
// otherwise, and to deep images where PictureLimits::channels asks for more than 8-bit RGB can hold.
// Truncated and damaged files are refused.
//
// All functions are thread-safe. PictureLimits correspond to --max_image_megapixels.
#ifndef MODELS_DATA_IMAGE_IO_H_
#define MODELS_DATA_IMAGE_IO_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "models/data/image.h"
#include "models/data/picture_limits.h"

namespace models {

// Puts the part of the picture in `bytes` that `plan` asks for into `part`, reusing its memory.
// Formats other than JPEG are decoded whole. InvalidArgument "REASON; what to do" (the caller adds
// the path) if the file is something else, truncated, damaged, too large, of an unsupported kind or
// of fewer channels than limits.channels wants (CheckChannels); `part` is then unspecified.
absl::Status DecodePart(absl::string_view bytes, const PartPlan& plan, PicturePart* part,
                        const PictureLimits& limits = {});
// Decodes the whole picture.
absl::StatusOr<Image> DecodeImage(absl::string_view bytes, const PictureLimits& limits = {});

// The bytes of the file `path`, undecoded. Errors name it, the reason and what to do.
absl::StatusOr<std::string> ReadPicture(const std::string& path, const PictureLimits& limits = {});

// The same from the file `path`; errors name the path and the reason.
absl::Status ReadPart(const std::string& path, const PartPlan& plan, PicturePart* part,
                      const PictureLimits& limits = {});
absl::StatusOr<Image> ReadImage(const std::string& path, const PictureLimits& limits = {});

// "cannot decode NAME: REASON"; the reason is DecodePart's.
absl::Status CannotDecode(const std::string& name, const absl::Status& reason);

// Writes `image` as an 8-bit RGB PNG file.
absl::Status WritePng(const std::string& path, const Image& image);

}  // namespace models

#endif  // MODELS_DATA_IMAGE_IO_H_
