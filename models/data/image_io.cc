#include "models/data/image_io.h"

#include <png.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "graph/base/status.h"
#include "models/data/file_kind.h"
#include "models/data/file_util.h"
#include "models/data/jpeg_decoder.h"
#include "models/data/webp_decoder.h"

namespace models {
namespace {

using graph::InvalidArgument;

struct PngFreer {
  void operator()(png_image* image) const { png_image_free(image); }
};

absl::Status DecodePng(absl::string_view bytes, Image* image) {
  png_image png;
  std::memset(&png, 0, sizeof(png));
  png.version = PNG_IMAGE_VERSION;
  const std::unique_ptr<png_image, PngFreer> freer(&png);
  if (png_image_begin_read_from_memory(&png, bytes.data(), bytes.size()) == 0) {
    return InvalidArgument("bad PNG header: ", png.message);
  }
  RETURN_IF_ERROR(CheckPictureSize(png.width, png.height));
  // 16-bit samples are taken for sRGB like the others, not for linear light.
  png.flags |= PNG_IMAGE_FLAG_16BIT_sRGB;
  // With an alpha channel in the output nothing is blended.
  const bool alpha = (png.format & PNG_FORMAT_FLAG_ALPHA) != 0;
  png.format = alpha ? PNG_FORMAT_RGBA : PNG_FORMAT_RGB;
  image->width = static_cast<int>(png.width);
  image->height = static_cast<int>(png.height);
  image->rgb.resize(size_t{3} * png.width * png.height);
  const size_t pixels = size_t{png.width} * png.height;
  std::vector<uint8_t> rgba(alpha ? 4 * pixels : 0);
  uint8_t* out = alpha ? rgba.data() : image->rgb.data();
  if (png_image_finish_read(&png, nullptr, out, 0, nullptr) == 0) {
    return InvalidArgument("bad PNG data: ", png.message);
  }
  for (size_t i = 0; i * 4 < rgba.size(); ++i) {
    std::copy_n(&rgba[4 * i], 3, &image->rgb[3 * i]);
  }
  return absl::OkStatus();
}

constexpr char kGetAgain[] = "get the picture again, or take it out of the data";

// What to do about a picture that a decoder refuses for this reason.
absl::Status WithHint(const absl::Status& status) {
  const absl::string_view reason = status.message();
  const auto says = [reason](absl::string_view words) { return absl::StrContains(reason, words); };
  std::string hint;
  if (says("; ")) {
    return status;
  } else if (says("more than the limit")) {
    hint = "make it smaller, or take it out of the data";
  } else if (says("no memory")) {
    hint = "leave the run more memory, or take the picture out of the data";
  } else if (says("Premature end") || says("too early") || says("beyond end") ||
             says("Not enough")) {
    hint = absl::StrCat("a copy or download that broke off? ", kGetAgain);
  } else {
    hint = absl::StrCat("its bytes are damaged: ", kGetAgain);
  }
  return absl::Status(status.code(), absl::StrCat(reason, "; ", hint));
}

absl::Status Decode(absl::string_view bytes, const PartPlan& plan, PicturePart* part) {
  if (bytes.empty()) return InvalidArgument("the file is empty; ", KindOfFile(bytes).hint);
  try {
    if (absl::StartsWith(bytes, "\xFF\xD8\xFF")) return DecodeJpeg(bytes, plan, part);
    if (absl::StartsWith(bytes, absl::string_view("\x89PNG\r\n\x1A\n", 8))) {
      RETURN_IF_ERROR(DecodePng(bytes, &part->image));
    } else if (LooksLikeWebp(bytes)) {
      RETURN_IF_ERROR(DecodeWebp(bytes, &part->image));
    } else {
      const FileKind kind = KindOfFile(bytes);
      if (kind.name.empty()) {
        return InvalidArgument("neither JPEG nor PNG nor WebP by its first bytes; ", kGetAgain);
      }
      return InvalidArgument("it is ", kind.name, ", neither JPEG nor PNG nor WebP; ", kind.hint);
    }
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("no memory to decode the picture");
  }
  TakeWhole(plan, part);
  return absl::OkStatus();
}

}  // namespace

absl::Status DecodePart(absl::string_view bytes, const PartPlan& plan, PicturePart* part) {
  const absl::Status status = Decode(bytes, plan, part);
  return status.ok() ? status : WithHint(status);
}

absl::StatusOr<Image> DecodeImage(absl::string_view bytes) {
  PicturePart part;
  RETURN_IF_ERROR(DecodePart(bytes, WholePicture, &part));
  return std::move(part.image);
}

absl::StatusOr<std::string> ReadPicture(const std::string& path) {
  absl::StatusOr<std::string> bytes = ReadFile(path, kMaxImageFileBytes);
  if (bytes.ok()) return bytes;
  return absl::Status(
      bytes.status().code(),
      absl::StrCat(bytes.status().message(), "; put the picture back or make it readable"));
}

absl::Status ReadPart(const std::string& path, const PartPlan& plan, PicturePart* part) {
  ASSIGN_OR_RETURN(const std::string bytes, ReadPicture(path));
  const absl::Status status = DecodePart(bytes, plan, part);
  return status.ok() ? status : CannotDecode(path, status);
}

absl::StatusOr<Image> ReadImage(const std::string& path) {
  PicturePart part;
  RETURN_IF_ERROR(ReadPart(path, WholePicture, &part));
  return std::move(part.image);
}

absl::Status CannotDecode(const std::string& name, const absl::Status& reason) {
  return absl::Status(reason.code(),
                      absl::StrCat("cannot decode ", PrintablePath(name), ": ", reason.message()));
}

absl::Status WritePng(const std::string& path, const Image& image) {
  CHECK(image.width > 0 && image.height > 0);
  CHECK(image.rgb.size() == size_t{3} * image.width * image.height);
  png_image png;
  std::memset(&png, 0, sizeof(png));
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
