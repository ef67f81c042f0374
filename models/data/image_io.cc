#include "models/data/image_io.h"

#include <png.h>

#include <new>
#include <utility>

#include "absl/strings/str_cat.h"
#include "graph/base/status.h"
#include "models/data/file_kind.h"
#include "models/data/file_util.h"
#include "models/data/jpeg_decoder.h"
#include "models/data/picture_decoders.h"
#include "models/data/picture_error.h"

namespace models {
namespace {

using graph::InvalidArgument;

absl::Status DecodeWhole(PictureFormat format, absl::string_view bytes, const PictureLimits& limits,
                         Image* image) {
  switch (format) {
    case PictureFormat::kPng:
      return DecodePng(bytes, limits, image);
    case PictureFormat::kWebp:
      return DecodeWebp(bytes, limits, image);
    case PictureFormat::kTiff:
      return DecodeTiff(bytes, limits, image);
    case PictureFormat::kBmp:
      return DecodeBmp(bytes, limits, image);
    case PictureFormat::kGif:
      return DecodeGif(bytes, limits, image);
    case PictureFormat::kJpeg:
    case PictureFormat::kNone:
      break;
  }
  constexpr char kNeither[] = "neither JPEG nor PNG nor WebP, TIFF, BMP or GIF";
  if (bytes.empty()) return InvalidArgument("the file is empty; ", KindOfFile(bytes).hint);
  const FileKind kind = KindOfFile(bytes);
  if (kind.name.empty()) {
    return InvalidArgument(kNeither, " by its first bytes; ", kGetPictureAgain);
  }
  return InvalidArgument("it is ", kind.name, ", ", kNeither, "; ", kind.hint);
}

}  // namespace

absl::Status DecodePart(absl::string_view bytes, const PartPlan& plan, PicturePart* part,
                        const PictureLimits& limits) {
  const PictureFormat format = FormatOfPicture(bytes);
  const bool jpeg = format == PictureFormat::kJpeg;
  try {
    RETURN_IF_ERROR(jpeg ? DecodeJpeg(bytes, plan, limits, part)
                         : DecodeWhole(format, bytes, limits, &part->image));
  } catch (const std::bad_alloc&) {
    return NoMemoryForPicture();
  }
  if (!jpeg) TakeWhole(plan, part);
  return CheckChannels(limits.channels, part->image);
}

absl::StatusOr<Image> DecodeImage(absl::string_view bytes, const PictureLimits& limits) {
  PicturePart part;
  RETURN_IF_ERROR(DecodePart(bytes, WholePicture, &part, limits));
  return std::move(part.image);
}

absl::StatusOr<std::string> ReadPicture(const std::string& path, const PictureLimits& limits) {
  absl::StatusOr<std::string> bytes = ReadFile(path, limits.max_file_bytes());
  if (bytes.ok()) return bytes;
  return WithHint(bytes.status(), IsDirectory(path)
                                      ? "a list names pictures, one a line, and no folders"
                                      : "put the picture back or make it readable");
}

absl::Status ReadPart(const std::string& path, const PartPlan& plan, PicturePart* part,
                      const PictureLimits& limits) {
  ASSIGN_OR_RETURN(const std::string bytes, ReadPicture(path, limits));
  const absl::Status status = DecodePart(bytes, plan, part, limits);
  return status.ok() ? status : CannotDecode(path, status);
}

absl::StatusOr<Image> ReadImage(const std::string& path, const PictureLimits& limits) {
  PicturePart part;
  RETURN_IF_ERROR(ReadPart(path, WholePicture, &part, limits));
  return std::move(part.image);
}

absl::Status CannotDecode(const std::string& name, const absl::Status& reason) {
  return absl::Status(reason.code(),
                      absl::StrCat("cannot decode ", PrintablePath(name), ": ", reason.message()));
}

absl::Status WritePng(const std::string& path, const Image& image) {
  CHECK(image.width > 0 && image.height > 0);
  CHECK(image.rgb.size() == size_t{3} * image.width * image.height);
  png_image png = {};
  png.version = PNG_IMAGE_VERSION;
  png.width = static_cast<png_uint_32>(image.width);
  png.height = static_cast<png_uint_32>(image.height);
  png.format = PNG_FORMAT_RGB;
  if (png_image_write_to_file(&png, path.c_str(), 0, image.rgb.data(), 0, nullptr) == 0) {
    return InvalidArgument("cannot write ", path, ": ", png.message);
  }
  return absl::OkStatus();
}

}  // namespace models
