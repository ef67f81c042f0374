#include "models/data/image_io.h"

#include <png.h>
#include <turbojpeg.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <memory>
#include <new>

#include "graph/base/status.h"
#include "models/data/file_util.h"

namespace models {
namespace {

using graph::InvalidArgument;

absl::Status CheckDimensions(int64_t width, int64_t height) {
  if (width < 1 || height < 1) {
    return InvalidArgument("impossible size ", width, "x", height);
  }
  if (width * height > kMaxImagePixels) {
    return InvalidArgument("claims ", width, "x", height, " pixels, more than the limit of ",
                           kMaxImagePixels);
  }
  return absl::OkStatus();
}

struct TurboJpegCloser {
  void operator()(void* handle) const { tjDestroy(handle); }
};

// a * b / 255, rounded as Pillow's MULDIV255.
int MulDiv255(int a, int b) {
  const int t = a * b + 128;
  return ((t >> 8) + t) >> 8;
}

// `cmyk` holds inverted inks, as Adobe writes them: 255 is no ink.
void InvertedCmykToRgb(const std::vector<uint8_t>& cmyk, std::vector<uint8_t>* rgb) {
  for (size_t i = 0; i * 4 < cmyk.size(); ++i) {
    const int white = cmyk[4 * i + 3];
    for (int c = 0; c < 3; ++c) {
      const int ink = 255 - cmyk[4 * i + c];
      (*rgb)[3 * i + c] = static_cast<uint8_t>(std::max(0, white - MulDiv255(ink, white)));
    }
  }
}

absl::StatusOr<Image> DecodeJpeg(absl::string_view bytes) {
  const std::unique_ptr<void, TurboJpegCloser> handle(tjInitDecompress());
  if (handle == nullptr) return absl::ResourceExhaustedError("no memory for a JPEG decoder");
  const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
  int width = 0, height = 0, subsampling = -1, colorspace = -1;
  // Unusual chroma subsampling makes this call fail after it has read the
  // header; such files still decode.
  if (tjDecompressHeader3(handle.get(), data, bytes.size(), &width, &height, &subsampling,
                          &colorspace) != 0 &&
      (width < 1 || height < 1 || colorspace < 0)) {
    return InvalidArgument("bad JPEG header: ", tjGetErrorStr2(handle.get()));
  }
  if (width < 1 || height < 1) return InvalidArgument("bad JPEG header: no picture");
  RETURN_IF_ERROR(CheckDimensions(width, height));
  Image image = Image::Sized(width, height);
  const bool cmyk = colorspace == TJCS_CMYK || colorspace == TJCS_YCCK;
  std::vector<uint8_t> inks(cmyk ? size_t{4} * width * height : 0);
  const int flags = TJFLAG_ACCURATEDCT | TJFLAG_STOPONWARNING | TJFLAG_LIMITSCANS;
  if (tjDecompress2(handle.get(), data, bytes.size(), cmyk ? inks.data() : image.rgb.data(), width,
                    0, height, cmyk ? TJPF_CMYK : TJPF_RGB, flags) != 0) {
    return InvalidArgument("bad JPEG data: ", tjGetErrorStr2(handle.get()));
  }
  if (cmyk) InvertedCmykToRgb(inks, &image.rgb);
  return image;
}

struct PngFreer {
  void operator()(png_image* image) const { png_image_free(image); }
};

absl::StatusOr<Image> DecodePng(absl::string_view bytes) {
  png_image png;
  std::memset(&png, 0, sizeof(png));
  png.version = PNG_IMAGE_VERSION;
  const std::unique_ptr<png_image, PngFreer> freer(&png);
  if (png_image_begin_read_from_memory(&png, bytes.data(), bytes.size()) == 0) {
    return InvalidArgument("bad PNG header: ", png.message);
  }
  RETURN_IF_ERROR(CheckDimensions(png.width, png.height));
  // 16-bit samples are taken for sRGB like the others, not for linear light.
  png.flags |= PNG_IMAGE_FLAG_16BIT_sRGB;
  // With an alpha channel in the output nothing is blended.
  const bool alpha = (png.format & PNG_FORMAT_FLAG_ALPHA) != 0;
  png.format = alpha ? PNG_FORMAT_RGBA : PNG_FORMAT_RGB;
  Image image = Image::Sized(static_cast<int>(png.width), static_cast<int>(png.height));
  const size_t pixels = size_t{png.width} * png.height;
  std::vector<uint8_t> rgba(alpha ? 4 * pixels : 0);
  uint8_t* out = alpha ? rgba.data() : image.rgb.data();
  if (png_image_finish_read(&png, nullptr, out, 0, nullptr) == 0) {
    return InvalidArgument("bad PNG data: ", png.message);
  }
  for (size_t i = 0; i * 4 < rgba.size(); ++i) {
    std::copy_n(&rgba[4 * i], 3, &image.rgb[3 * i]);
  }
  return image;
}

bool StartsWith(absl::string_view bytes, absl::string_view magic) {
  return bytes.substr(0, magic.size()) == magic;
}

}  // namespace

absl::StatusOr<Image> DecodeImage(absl::string_view bytes) {
  if (bytes.empty()) return InvalidArgument("the file is empty");
  try {
    if (StartsWith(bytes, "\xFF\xD8\xFF")) return DecodeJpeg(bytes);
    if (StartsWith(bytes, absl::string_view("\x89PNG\r\n\x1A\n", 8))) return DecodePng(bytes);
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("no memory to decode the picture");
  }
  return InvalidArgument("neither JPEG nor PNG by its first bytes");
}

absl::StatusOr<Image> ReadImage(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path, kMaxImageFileBytes));
  absl::StatusOr<Image> image = DecodeImage(bytes);
  if (!image.ok()) return graph::Annotate(image.status(), "cannot decode " + path);
  return image;
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
