#include <tiffio.h>

#include <algorithm>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "graph/base/status.h"
#include "models/data/picture_decoders.h"
#include "models/data/picture_error.h"

namespace models {
namespace {

// The file in memory, and libtiff's messages.
struct Source {
  absl::string_view bytes;
  uint64_t at = 0;
  bool beyond_end = false;  // it was asked for bytes that are not there
  bool damaged = false;     // a decoder continued after damage
  std::string message;      // the first error's

  static Source* Of(thandle_t handle) { return static_cast<Source*>(handle); }
  static tmsize_t Read(thandle_t handle, void* out, tmsize_t size) {
    Source* source = Of(handle);
    const absl::string_view rest =
        absl::ClippedSubstr(source->bytes, std::min<uint64_t>(source->at, source->bytes.size()));
    const size_t count = std::min(rest.size(), static_cast<size_t>(std::max<tmsize_t>(0, size)));
    if (static_cast<tmsize_t>(count) < size) source->beyond_end = true;
    std::memcpy(out, rest.data(), count);
    source->at += count;
    return static_cast<tmsize_t>(count);
  }
  static tmsize_t Write(thandle_t, void*, tmsize_t) { return -1; }
  static toff_t Seek(thandle_t handle, toff_t offset, int whence) {
    Source* source = Of(handle);
    if (whence == SEEK_CUR) offset += source->at;
    if (whence == SEEK_END) offset += source->bytes.size();
    source->at = offset;
    return offset;
  }
  static int Close(thandle_t) { return 0; }
  static toff_t Size(thandle_t handle) { return Of(handle)->bytes.size(); }
  static int Error(TIFF*, void* user, const char*, const char* format, va_list arguments) {
    auto* source = static_cast<Source*>(user);
    if (!source->message.empty()) return 1;
    char text[200];
    std::vsnprintf(text, sizeof(text), format, arguments);
    source->message = text;
    return 1;  // reported; libtiff prints nothing
  }
  // Most warnings do not concern the pixels. The decoders of JPEG and fax, however, continue after
  // damage with a warning.
  static int Warning(TIFF* tiff, void* user, const char* module, const char* format,
                     va_list arguments) {
    const absl::string_view decoder = module == nullptr ? "" : module;
    if (!absl::StartsWith(decoder, "JPEGLib") && !absl::StartsWith(decoder, "Fax")) return 1;
    static_cast<Source*>(user)->damaged = true;
    return Error(tiff, user, module, format, arguments);
  }

  absl::Status Refused() const {
    const std::string reason = absl::StrCat("bad TIFF: ", message.empty() ? "damaged" : message);
    return beyond_end ? BrokenOffPicture(reason) : DamagedPicture(reason);
  }
};

using Tiff = std::unique_ptr<TIFF, void (*)(TIFF*)>;

Tiff Open(Source* source, const PictureLimits& limits) {
  const std::unique_ptr<TIFFOpenOptions, void (*)(TIFFOpenOptions*)> options(TIFFOpenOptionsAlloc(),
                                                                             &TIFFOpenOptionsFree);
  if (options == nullptr) return {nullptr, &TIFFClose};
  TIFFOpenOptionsSetErrorHandlerExtR(options.get(), &Source::Error, source);
  TIFFOpenOptionsSetWarningHandlerExtR(options.get(), &Source::Warning, source);
  TIFFOpenOptionsSetMaxSingleMemAlloc(options.get(), limits.max_file_bytes());
  return Tiff(
      TIFFClientOpenExt("picture", "rm", source, &Source::Read, &Source::Write, &Source::Seek,
                        &Source::Close, &Source::Size, nullptr, nullptr, options.get()),
      &TIFFClose);
}

// Layout and meaning of the file's samples.
struct Layout {
  uint32_t width = 0, height = 0;
  uint16_t photometric = PHOTOMETRIC_MINISBLACK;
  uint16_t bits = 1, samples = 1;  // of a sample; of a pixel
  uint16_t* palette[3] = {};       // owned by libtiff
};

template <typename T>
T Field(TIFF* tiff, uint32_t tag) {
  T value = 0;
  TIFFGetFieldDefaulted(tiff, tag, &value);
  return value;
}

// "CMYK"; empty for supported kinds.
std::string UnreadKind(TIFF* tiff, const Layout& layout) {
  const auto compression = Field<uint16_t>(tiff, TIFFTAG_COMPRESSION);
  if (compression == COMPRESSION_OJPEG || !TIFFIsCODECConfigured(compression)) {
    return absl::StrCat("compression ", compression);
  }
  const auto format = Field<uint16_t>(tiff, TIFFTAG_SAMPLEFORMAT);
  if (format != SAMPLEFORMAT_UINT && format != SAMPLEFORMAT_VOID) {
    return format == SAMPLEFORMAT_IEEEFP ? "floating-point samples" : "samples with a sign";
  }
  uint16_t extra = 0;
  uint16_t* kinds = nullptr;
  TIFFGetFieldDefaulted(tiff, TIFFTAG_EXTRASAMPLES, &extra, &kinds);
  if (std::find(kinds, kinds + extra, EXTRASAMPLE_ASSOCALPHA) != kinds + extra) {
    return "premultiplied alpha";
  }
  if (layout.samples > 1 && Field<uint16_t>(tiff, TIFFTAG_PLANARCONFIG) == PLANARCONFIG_SEPARATE) {
    return "colours plane by plane";
  }
  const uint16_t bits = layout.bits;
  // Bounds the size of a pixel: a few bytes of file can claim rows of gigabytes.
  if (layout.samples > 4) return absl::StrCat(layout.samples, " samples a pixel");
  const bool small = bits == 1 || bits == 2 || bits == 4;
  switch (layout.photometric) {
    case PHOTOMETRIC_MINISWHITE:
    case PHOTOMETRIC_MINISBLACK:
      if (bits == 8 || bits == 16 || (small && layout.samples == 1)) return "";
      break;
    case PHOTOMETRIC_PALETTE:
      if (bits == 8 || (small && layout.samples == 1)) return "";
      break;
    case PHOTOMETRIC_RGB:
      if (layout.samples >= 3 && (bits == 8 || bits == 16)) return "";
      break;
    case PHOTOMETRIC_SEPARATED:
      return "CMYK colours";
    case PHOTOMETRIC_YCBCR:
      return "YCbCr colours";
    case PHOTOMETRIC_CIELAB:
    case PHOTOMETRIC_ICCLAB:
    case PHOTOMETRIC_ITULAB:
      return "Lab colours";
    default:
      return absl::StrCat("colours of kind ", layout.photometric);
  }
  return absl::StrCat(layout.samples, " samples of ", bits, " bits");
}

absl::Status ReadLayout(TIFF* tiff, const Source& source, Layout* layout) {
  layout->width = Field<uint32_t>(tiff, TIFFTAG_IMAGEWIDTH);
  layout->height = Field<uint32_t>(tiff, TIFFTAG_IMAGELENGTH);
  layout->bits = Field<uint16_t>(tiff, TIFFTAG_BITSPERSAMPLE);
  layout->samples = Field<uint16_t>(tiff, TIFFTAG_SAMPLESPERPIXEL);
  if (TIFFGetField(tiff, TIFFTAG_PHOTOMETRIC, &layout->photometric) == 0) {
    return DamagedPicture("bad TIFF: it does not say what its samples mean");
  }
  if (layout->photometric == PHOTOMETRIC_YCBCR && layout->samples == 3 && layout->bits == 8 &&
      Field<uint16_t>(tiff, TIFFTAG_COMPRESSION) == COMPRESSION_JPEG &&
      Field<uint16_t>(tiff, TIFFTAG_PLANARCONFIG) == PLANARCONFIG_CONTIG) {
    TIFFSetField(tiff, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);  // libjpeg turns it into RGB
    layout->photometric = PHOTOMETRIC_RGB;
  }
  const std::string unread = UnreadKind(tiff, *layout);
  if (!unread.empty()) return UnsupportedPicture(absl::StrCat("a TIFF with ", unread));
  if (layout->photometric == PHOTOMETRIC_PALETTE &&
      TIFFGetField(tiff, TIFFTAG_COLORMAP, &layout->palette[0], &layout->palette[1],
                   &layout->palette[2]) == 0) {
    return source.beyond_end ? source.Refused() : DamagedPicture("bad TIFF: it has no palette");
  }
  return absl::OkStatus();
}

// Sample `at` of a row as libtiff gives it (16 bits in the machine's order).
uint32_t Sample(const Layout& layout, const uint8_t* in, size_t at) {
  if (layout.bits == 16) {
    uint16_t value;
    std::memcpy(&value, in + 2 * at, 2);
    return value;
  }
  const size_t bit = at * layout.bits;
  return in[bit / 8] >> (8 - layout.bits - bit % 8) & ((1u << layout.bits) - 1);
}

// `count` pixels of a row to RGB.
void ToRgb(const Layout& layout, const uint8_t* in, uint32_t count, uint8_t* rgb) {
  const uint32_t most = (1u << layout.bits) - 1;
  for (uint32_t x = 0; x < count; ++x, rgb += 3) {
    uint32_t values[3] = {};
    const int wanted = layout.photometric == PHOTOMETRIC_RGB ? 3 : 1;
    for (int c = 0; c < wanted; ++c) {
      values[c] = Sample(layout, in, size_t{x} * layout.samples + static_cast<size_t>(c));
    }
    if (wanted == 3) {
      for (int c = 0; c < 3; ++c) {
        rgb[c] = static_cast<uint8_t>(layout.bits == 16 ? values[c] >> 8 : values[c]);
      }
    } else if (layout.photometric == PHOTOMETRIC_PALETTE) {
      for (int c = 0; c < 3; ++c) {
        rgb[c] = static_cast<uint8_t>(layout.palette[c][values[0]] >> 8);
      }
    } else {
      if (layout.photometric == PHOTOMETRIC_MINISWHITE) values[0] = most - values[0];
      std::fill_n(rgb, 3, static_cast<uint8_t>((values[0] * 255 + most / 2) / most));
    }
  }
}

// Channels of the Image::deep that the file becomes; 0: it becomes 8-bit RGB.
int DeepChannels(const Layout& layout, const PictureLimits& limits) {
  if (limits.channels == 0 || layout.bits < 8) return 0;
  if (limits.channels == 4 && layout.samples == 4 && layout.photometric != PHOTOMETRIC_PALETTE) {
    return 4;  // as they are, whatever they mean
  }
  if (layout.bits != 16) return 0;
  return layout.photometric == PHOTOMETRIC_RGB ? 3 : 1;
}

// `count` pixels of a row to an image of `channels`. Where 0 is white, it is so of the first sample
// alone: those beside it are no shades of grey.
void ToDeep(const Layout& layout, const uint8_t* in, uint32_t count, int channels, uint16_t* out) {
  const bool inverted = layout.photometric == PHOTOMETRIC_MINISWHITE;
  for (uint32_t x = 0; x < count; ++x) {
    for (int c = 0; c < channels; ++c) {
      const uint32_t value =
          Sample(layout, in, size_t{x} * layout.samples + static_cast<size_t>(c));
      const uint32_t deep = layout.bits == 16 ? value : value * 257;
      *out++ = static_cast<uint16_t>(inverted && c == 0 ? 65535 - deep : deep);
    }
  }
}

// `count` pixels of a row to those of `image` from (x, y) on.
void Put(const Layout& layout, const uint8_t* in, uint32_t count, int x, int y, Image* image) {
  if (!image->is_deep()) return ToRgb(layout, in, count, image->pixel(x, y));
  ToDeep(layout, in, count, image->channels, image->deep_row(y) + size_t{1} * image->channels * x);
}

absl::Status ReadRows(TIFF* tiff, const Layout& layout, const Source& source, Image* image) {
  const size_t pixel_bits = size_t{layout.samples} * layout.bits;
  const size_t needed = (layout.width * pixel_bits + 7) / 8;
  const tmsize_t size = TIFFScanlineSize(tiff);
  if (size < static_cast<tmsize_t>(needed)) return source.Refused();
  std::vector<uint8_t> row(static_cast<size_t>(size));
  for (uint32_t y = 0; y < layout.height; ++y) {
    if (TIFFReadScanline(tiff, row.data(), y, 0) != 1) return source.Refused();
    Put(layout, row.data(), layout.width, 0, static_cast<int>(y), image);
  }
  return absl::OkStatus();
}

absl::Status ReadTiles(TIFF* tiff, const Layout& layout, const Source& source,
                       const PictureLimits& limits, Image* image) {
  const auto tile_width = Field<uint32_t>(tiff, TIFFTAG_TILEWIDTH);
  const auto tile_height = Field<uint32_t>(tiff, TIFFTAG_TILELENGTH);
  RETURN_IF_ERROR(CheckPictureSize(tile_width, tile_height, limits));
  const tmsize_t size = TIFFTileSize(tiff), stride = TIFFTileRowSize(tiff);
  const size_t needed = (size_t{tile_width} * layout.samples * layout.bits + 7) / 8;
  if (stride < static_cast<tmsize_t>(needed) || size / stride < tile_height) {
    return source.Refused();
  }
  std::vector<uint8_t> tile(static_cast<size_t>(size));
  for (uint32_t y = 0; y < layout.height; y += tile_height) {
    for (uint32_t x = 0; x < layout.width; x += tile_width) {
      if (TIFFReadTile(tiff, tile.data(), x, y, 0, 0) < 0) return source.Refused();
      const uint32_t columns = std::min(tile_width, layout.width - x);
      for (uint32_t r = 0; r < std::min(tile_height, layout.height - y); ++r) {
        Put(layout, tile.data() + static_cast<size_t>(stride) * r, columns, static_cast<int>(x),
            static_cast<int>(y + r), image);
      }
    }
  }
  return absl::OkStatus();
}

// Turns the picture upright: `orientation` tells at which corner of it the file begins.
Image Upright(Image stored, uint16_t orientation) {
  if (orientation < ORIENTATION_TOPRIGHT || orientation > ORIENTATION_LEFTBOT) return stored;
  const bool turned = orientation >= ORIENTATION_LEFTTOP;  // rows are columns
  const bool from_right =
      orientation == ORIENTATION_TOPRIGHT || orientation == ORIENTATION_BOTRIGHT ||
      orientation == ORIENTATION_RIGHTTOP || orientation == ORIENTATION_RIGHTBOT;
  const bool from_below = orientation == ORIENTATION_BOTRIGHT ||
                          orientation == ORIENTATION_BOTLEFT ||
                          orientation == ORIENTATION_RIGHTBOT || orientation == ORIENTATION_LEFTBOT;
  const int width = turned ? stored.height : stored.width;
  const int height = turned ? stored.width : stored.height;
  // Where the pixel (x, y) of the result lies in the file.
  const auto source = [&](int x, int y) {
    const int across = from_right ? width - 1 - x : x, down = from_below ? height - 1 - y : y;
    return turned ? std::make_pair(down, across) : std::make_pair(across, down);
  };
  Image out;
  if (stored.is_deep()) {
    const size_t channels = static_cast<size_t>(stored.channels);
    out.SetDeepSize(width, height, stored.channels);
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) {
        const auto [from_x, from_y] = source(x, y);
        std::copy_n(stored.deep_row(from_y) + channels * from_x, channels,
                    out.deep_row(y) + channels * x);
      }
    }
    return out;
  }
  out.SetSize(width, height);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const auto [from_x, from_y] = source(x, y);
      std::memcpy(out.pixel(x, y), stored.pixel(from_x, from_y), 3);
    }
  }
  return out;
}

}  // namespace

absl::Status DecodeTiff(absl::string_view bytes, const PictureLimits& limits, Image* image) {
  Source source;
  source.bytes = bytes;
  const Tiff tiff = Open(&source, limits);
  if (tiff == nullptr) return source.Refused();
  Layout layout;
  RETURN_IF_ERROR(ReadLayout(tiff.get(), source, &layout));
  RETURN_IF_ERROR(CheckPictureSize(layout.width, layout.height, limits));
  const int width = static_cast<int>(layout.width), height = static_cast<int>(layout.height);
  if (const int channels = DeepChannels(layout, limits); channels > 0) {
    image->SetDeepSize(width, height, channels);
  } else {
    image->SetSize(width, height);
  }
  RETURN_IF_ERROR(TIFFIsTiled(tiff.get()) != 0
                      ? ReadTiles(tiff.get(), layout, source, limits, image)
                      : ReadRows(tiff.get(), layout, source, image));
  if (source.damaged) return source.Refused();
  *image = Upright(std::move(*image), Field<uint16_t>(tiff.get(), TIFFTAG_ORIENTATION));
  return absl::OkStatus();
}

}  // namespace models
