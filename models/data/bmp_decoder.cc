#include <algorithm>
#include <cstdint>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "graph/base/status.h"
#include "models/data/picture_decoders.h"
#include "models/data/picture_error.h"

namespace models {
namespace {

constexpr size_t kFileHeader = 14;  // "BM", size, two reserved numbers, where the rows begin
constexpr uint32_t kCoreHeader = 12, kInfoHeader = 40;
constexpr uint32_t kRgb = 0, kRle8 = 1, kRle4 = 2, kBitFields = 3, kAlphaBitFields = 6;

// Little-endian numbers; 0 beyond the end, which the check of the total length reports later.
uint32_t Number(absl::string_view bytes, size_t at, size_t width) {
  uint32_t value = 0;
  for (size_t i = 0; i < width && at + i < bytes.size(); ++i) {
    value |= uint32_t{static_cast<unsigned char>(bytes[at + i])} << (8 * i);
  }
  return value;
}

// A colour's place in a pixel.
struct Mask {
  uint32_t bits = 0;
  int shift = 0;

  explicit Mask(uint32_t mask) : bits(mask) {
    while (bits != 0 && (bits & 1) == 0) bits >>= 1, ++shift;
  }
  uint8_t Of(uint32_t pixel) const {
    return bits == 0 ? 0 : static_cast<uint8_t>(uint64_t{pixel >> shift & bits} * 255 / bits);
  }
};

struct Header {
  int64_t width = 0, height = 0;
  bool top_down = false;
  uint32_t bits = 0, compression = kRgb;
  size_t palette = 0;  // where it begins
  size_t colours = 0, colour_bytes = 4;
  size_t rows = 0;  // where they begin
};

absl::Status ReadHeader(absl::string_view bytes, Header* out) {
  Header& header = *out;
  const uint32_t size = Number(bytes, kFileHeader, 4);
  header.rows = Number(bytes, 10, 4);
  header.palette = kFileHeader + size;
  uint32_t used = 0;
  if (size == kCoreHeader) {
    header.width = Number(bytes, kFileHeader + 4, 2);
    header.height = Number(bytes, kFileHeader + 6, 2);
    header.bits = Number(bytes, kFileHeader + 10, 2);
    header.colour_bytes = 3;
  } else if (size >= kInfoHeader) {
    header.width = static_cast<int32_t>(Number(bytes, kFileHeader + 4, 4));
    const auto height = static_cast<int32_t>(Number(bytes, kFileHeader + 8, 4));
    header.top_down = height < 0;
    header.height = height < 0 ? -int64_t{height} : height;
    header.bits = Number(bytes, kFileHeader + 14, 2);
    header.compression = Number(bytes, kFileHeader + 16, 4);
    used = Number(bytes, kFileHeader + 32, 4);
  } else {
    return DamagedPicture(absl::StrCat("bad BMP header: a header of ", size, " bytes"));
  }
  switch (header.compression) {
    case kRgb:
      break;
    case kRle8:
    case kRle4:
      return UnsupportedPicture("a run-length encoded BMP");
    case kBitFields:
    case kAlphaBitFields:
      if (header.bits == 16 || header.bits == 32) break;
      return DamagedPicture("bad BMP header: colour masks where there is a palette");
    default:
      return UnsupportedPicture(absl::StrCat("a BMP of compression ", header.compression));
  }
  switch (header.bits) {
    case 1:
    case 4:
    case 8:
      header.colours = size_t{1} << header.bits;
      if (used > 0) header.colours = std::min<size_t>(used, header.colours);
      break;
    case 16:
    case 24:
    case 32:
      break;
    case 2:
      return UnsupportedPicture("a BMP with 2 bits a pixel");
    default:
      return DamagedPicture(absl::StrCat("bad BMP header: ", header.bits, " bits a pixel"));
  }
  return absl::OkStatus();
}

// The pixels of one row.
class Row {
 public:
  Row(absl::string_view bytes, const Header& header) : bits_(header.bits) {
    for (size_t i = 0; i < header.colours; ++i) {
      const size_t at = header.palette + i * header.colour_bytes;
      for (size_t c = 0; c < 3; ++c) {
        palette_[i][c] = static_cast<uint8_t>(Number(bytes, at + 2 - c, 1));
      }
    }
    if (header.compression == kRgb) return;
    // After the first header, or in a longer one at the same place.
    for (size_t c = 0; c < 3; ++c) {
      masks_[c] = Mask(Number(bytes, kFileHeader + kInfoHeader + 4 * c, 4));
    }
    masked_ = true;
  }

  void Decode(const char* row, int width, uint8_t* rgb) const {
    const auto* in = reinterpret_cast<const uint8_t*>(row);
    for (int x = 0; x < width; ++x, rgb += 3) {
      if (bits_ <= 8) {
        const int per_byte = 8 / static_cast<int>(bits_);
        const int shift = (per_byte - 1 - x % per_byte) * static_cast<int>(bits_);
        std::memcpy(rgb, palette_[in[x / per_byte] >> shift & ((1 << bits_) - 1)], 3);
      } else if (bits_ == 16 || masked_) {
        const size_t size = bits_ / 8;
        const uint32_t pixel = Number({row + size * static_cast<size_t>(x), size}, 0, size);
        for (int c = 0; c < 3; ++c) rgb[c] = masks_[c].Of(pixel);
      } else {
        const uint8_t* pixel = in + size_t{bits_ / 8} * static_cast<size_t>(x);
        for (int c = 0; c < 3; ++c) rgb[c] = pixel[2 - c];
      }
    }
  }

 private:
  const uint32_t bits_;
  bool masked_ = false;
  uint8_t palette_[256][3] = {};  // black beyond what the file has
  Mask masks_[3] = {Mask(0x7C00), Mask(0x03E0), Mask(0x001F)};
};

}  // namespace

absl::Status DecodeBmp(absl::string_view bytes, const PictureLimits& limits, Image* image) {
  Header header;
  RETURN_IF_ERROR(ReadHeader(bytes, &header));
  RETURN_IF_ERROR(CheckPictureSize(header.width, header.height, limits));
  const int64_t row_bytes = (header.width * header.bits + 7) / 8;
  const int64_t stride = (row_bytes + 3) / 4 * 4;
  // The padding of the last row may be missing.
  if (static_cast<int64_t>(bytes.size()) - static_cast<int64_t>(header.rows) <
      stride * (header.height - 1) + row_bytes) {
    return BrokenOffPicture("bad BMP data: the file ends too early");
  }
  image->SetSize(static_cast<int>(header.width), static_cast<int>(header.height));
  const Row row(bytes, header);
  for (int y = 0; y < image->height; ++y) {
    const int64_t stored = header.top_down ? y : image->height - 1 - y;
    row.Decode(bytes.data() + header.rows + stride * stored, image->width, image->pixel(0, y));
  }
  return absl::OkStatus();
}

}  // namespace models
