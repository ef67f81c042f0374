#include <gif_lib.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "graph/base/status.h"
#include "models/data/picture_decoders.h"
#include "models/data/picture_error.h"

namespace models {
namespace {

// The unread rest of the file.
struct Source {
  absl::string_view rest;
  bool beyond_end = false;  // it was asked for bytes that are not there
};

int Read(GifFileType* gif, GifByteType* out, int size) {
  auto* source = static_cast<Source*>(gif->UserData);
  const size_t count = std::min(source->rest.size(), static_cast<size_t>(std::max(0, size)));
  if (static_cast<int>(count) < size) source->beyond_end = true;
  std::memcpy(out, source->rest.data(), count);
  source->rest.remove_prefix(count);
  return static_cast<int>(count);
}

struct Closer {
  void operator()(GifFileType* gif) const { DGifCloseFile(gif, nullptr); }
};

absl::Status Refused(int error, const Source& source) {
  if (error == D_GIF_ERR_NOT_ENOUGH_MEM) return NoMemoryForPicture();
  const char* const words = GifErrorString(error);
  const std::string reason = absl::StrCat("bad GIF: ", words == nullptr ? "damaged" : words);
  return source.beyond_end ? BrokenOffPicture(reason) : DamagedPicture(reason);
}

// Reads up to the first frame's pixels; `transparent` is its transparent colour, or -1.
absl::Status FindFrame(GifFileType* gif, const Source& source, int* transparent) {
  for (GifRecordType type = UNDEFINED_RECORD_TYPE; type != IMAGE_DESC_RECORD_TYPE;) {
    if (DGifGetRecordType(gif, &type) == GIF_ERROR) return Refused(gif->Error, source);
    if (type == TERMINATE_RECORD_TYPE) return DamagedPicture("bad GIF: it has no picture");
    if (type != EXTENSION_RECORD_TYPE) continue;
    int code = 0;
    GifByteType* block = nullptr;  // its length, then its bytes
    if (DGifGetExtension(gif, &code, &block) == GIF_ERROR) return Refused(gif->Error, source);
    while (block != nullptr) {
      GraphicsControlBlock control;
      if (code == GRAPHICS_EXT_FUNC_CODE &&
          DGifExtensionToGCB(block[0], block + 1, &control) == GIF_OK) {
        *transparent = control.TransparentColor;
      }
      if (DGifGetExtensionNext(gif, &block) == GIF_ERROR) return Refused(gif->Error, source);
    }
  }
  if (DGifGetImageDesc(gif) == GIF_ERROR) return Refused(gif->Error, source);
  return absl::OkStatus();
}

// The order of an interlaced frame's rows: every eighth, those between, and so on.
std::vector<int> RowOrder(int height, bool interlaced) {
  std::vector<int> order;
  order.reserve(static_cast<size_t>(height));
  static constexpr int kBegin[] = {0, 4, 2, 1}, kStep[] = {8, 8, 4, 2};
  for (int pass = 0; pass < (interlaced ? 4 : 1); ++pass) {
    const int begin = interlaced ? kBegin[pass] : 0, step = interlaced ? kStep[pass] : 1;
    for (int y = begin; y < height; y += step) order.push_back(y);
  }
  return order;
}

}  // namespace

absl::Status DecodeGif(absl::string_view bytes, const PictureLimits& limits, Image* image) {
  Source source;
  source.rest = bytes;
  int error = 0;
  const std::unique_ptr<GifFileType, Closer> gif(DGifOpen(&source, &Read, &error));
  if (gif == nullptr) return Refused(error, source);
  int transparent = NO_TRANSPARENT_COLOR;
  RETURN_IF_ERROR(FindFrame(gif.get(), source, &transparent));
  const GifImageDesc& frame = gif->Image;
  // A frame that reaches beyond the canvas enlarges it.
  const int width = std::max(gif->SWidth, frame.Left + frame.Width);
  const int height = std::max(gif->SHeight, frame.Top + frame.Height);
  RETURN_IF_ERROR(CheckPictureSize(width, height, limits));
  if (frame.Width < 1 || frame.Height < 1) return DamagedPicture("bad GIF: an empty frame");

  uint8_t palette[256][3] = {};  // black beyond what the file has
  const ColorMapObject* const map = frame.ColorMap != nullptr ? frame.ColorMap : gif->SColorMap;
  for (int i = 0; i < 256; ++i) {
    if (map == nullptr) {
      std::fill_n(palette[i], 3, static_cast<uint8_t>(i));  // grey
    } else if (i < map->ColorCount) {
      const GifColorType& colour = map->Colors[i];
      palette[i][0] = colour.Red;
      palette[i][1] = colour.Green;
      palette[i][2] = colour.Blue;
    }
  }
  image->SetSize(width, height);
  if (frame.Width < width || frame.Height < height) {
    const uint8_t* const around = palette[std::max(0, transparent)];
    for (size_t i = 0; i < image->rgb.size(); i += 3) std::memcpy(&image->rgb[i], around, 3);
  }
  std::vector<GifPixelType> row(static_cast<size_t>(frame.Width));
  for (const int y : RowOrder(frame.Height, frame.Interlace)) {
    if (DGifGetLine(gif.get(), row.data(), frame.Width) == GIF_ERROR)
      return Refused(gif->Error, source);
    uint8_t* out = image->pixel(frame.Left, frame.Top + y);
    for (const GifPixelType index : row) {
      std::memcpy(out, palette[index], 3);
      out += 3;
    }
  }
  return absl::OkStatus();
}

}  // namespace models
