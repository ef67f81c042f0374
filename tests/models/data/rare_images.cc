#include "tests/models/data/rare_images.h"

#include <gif_lib.h>
#include <tiffio.h>

#include <algorithm>
#include <cstring>

#include "graph/base/status.h"

namespace models {
namespace {

// A file that libtiff writes.
struct Memory {
  std::string bytes;
  size_t at = 0;

  static Memory* Of(thandle_t handle) { return static_cast<Memory*>(handle); }
  static tmsize_t Read(thandle_t handle, void* out, tmsize_t size) {
    Memory* memory = Of(handle);
    if (memory->at >= memory->bytes.size()) return 0;
    const size_t count = std::min(static_cast<size_t>(size), memory->bytes.size() - memory->at);
    std::memcpy(out, memory->bytes.data() + memory->at, count);
    memory->at += count;
    return static_cast<tmsize_t>(count);
  }
  static tmsize_t Write(thandle_t handle, void* in, tmsize_t size) {
    Memory* memory = Of(handle);
    const size_t end = memory->at + static_cast<size_t>(size);
    if (memory->bytes.size() < end) memory->bytes.resize(end);
    std::memcpy(&memory->bytes[memory->at], in, static_cast<size_t>(size));
    memory->at = end;
    return size;
  }
  static toff_t Seek(thandle_t handle, toff_t offset, int whence) {
    Memory* memory = Of(handle);
    if (whence == SEEK_CUR) offset += memory->at;
    if (whence == SEEK_END) offset += memory->bytes.size();
    memory->at = offset;
    return offset;
  }
  static int Close(thandle_t) { return 0; }
  static toff_t Size(thandle_t handle) { return Of(handle)->bytes.size(); }
};

int WriteGif(GifFileType* gif, const GifByteType* bytes, int size) {
  static_cast<std::string*>(gif->UserData)
      ->append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(size));
  return size;
}

}  // namespace

std::string EncodeTiff(const TiffKind& kind, const std::string& rows) {
  Memory memory;
  const std::string mode =
      std::string("w") + (kind.big_endian ? "b" : "l") + (kind.big_tiff ? "8" : "");
  TIFF* tiff = TIFFClientOpen("memory", mode.c_str(), &memory, &Memory::Read, &Memory::Write,
                              &Memory::Seek, &Memory::Close, &Memory::Size, nullptr, nullptr);
  CHECK(tiff != nullptr);
  TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, kind.width);
  TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, kind.height);
  TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, kind.bits);
  TIFFSetField(tiff, TIFFTAG_SAMPLESPERPIXEL, kind.samples);
  TIFFSetField(tiff, TIFFTAG_SAMPLEFORMAT, kind.format);
  TIFFSetField(tiff, TIFFTAG_PLANARCONFIG,
               kind.by_planes ? PLANARCONFIG_SEPARATE : PLANARCONFIG_CONTIG);
  TIFFSetField(tiff, TIFFTAG_COMPRESSION, kind.compression);
  TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, kind.photometric);
  TIFFSetField(tiff, TIFFTAG_ORIENTATION, kind.orientation);
  const int colours = kind.photometric == PHOTOMETRIC_RGB ? 3 : 1;
  if (kind.samples > colours && kind.photometric <= PHOTOMETRIC_PALETTE) {
    std::vector<uint16_t> extra(static_cast<size_t>(kind.samples - colours));
    extra.back() = kind.extra;
    TIFFSetField(tiff, TIFFTAG_EXTRASAMPLES, static_cast<int>(extra.size()), extra.data());
  }
  if (kind.photometric == PHOTOMETRIC_YCBCR) {
    TIFFSetField(tiff, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
    TIFFSetField(tiff, TIFFTAG_YCBCRSUBSAMPLING, 1, 1);
    TIFFSetField(tiff, TIFFTAG_JPEGQUALITY, 100);
  }
  if (kind.photometric == PHOTOMETRIC_PALETTE) {
    std::vector<uint16_t> map[3];
    for (int i = 0; i < 1 << kind.bits; ++i) {
      map[0].push_back(static_cast<uint16_t>(257 * i));
      map[1].push_back(static_cast<uint16_t>(65535 - 257 * i));
      map[2].push_back(static_cast<uint16_t>(256 * i));
    }
    TIFFSetField(tiff, TIFFTAG_COLORMAP, map[0].data(), map[1].data(), map[2].data());
  }
  const size_t pixel_bits = size_t{1} * kind.bits * (kind.by_planes ? 1 : kind.samples);
  const size_t stride = (pixel_bits * static_cast<size_t>(kind.width) + 7) / 8;
  std::string copy = rows;  // libtiff may turn its bytes round
  if (kind.tile > 0) {
    TIFFSetField(tiff, TIFFTAG_TILEWIDTH, kind.tile);
    TIFFSetField(tiff, TIFFTAG_TILELENGTH, kind.tile);
    const size_t tile_stride = static_cast<size_t>(TIFFTileRowSize(tiff));
    for (int y = 0; y < kind.height; y += kind.tile) {
      for (int x = 0; x < kind.width; x += kind.tile) {
        std::string tile(static_cast<size_t>(TIFFTileSize(tiff)), '\0');
        const size_t from = static_cast<size_t>(x) * pixel_bits / 8;
        for (int r = 0; r < std::min(kind.tile, kind.height - y); ++r) {
          tile.replace(tile_stride * static_cast<size_t>(r), std::min(tile_stride, stride - from),
                       copy, stride * static_cast<size_t>(y + r) + from,
                       std::min(tile_stride, stride - from));
        }
        CHECK(TIFFWriteTile(tiff, &tile[0], static_cast<uint32_t>(x), static_cast<uint32_t>(y), 0,
                            0) > 0);
      }
    }
  } else {
    TIFFSetField(tiff, TIFFTAG_ROWSPERSTRIP, 8);
    for (uint16_t plane = 0; plane < (kind.by_planes ? kind.samples : 1); ++plane) {
      for (int y = 0; y < kind.height; ++y) {
        CHECK(TIFFWriteScanline(tiff, &copy[stride * static_cast<size_t>(y)],
                                static_cast<uint32_t>(y), plane) == 1);
      }
    }
  }
  TIFFClose(tiff);
  return memory.bytes;
}

std::string EncodeTiff(const Image& image, uint16_t compression) {
  TiffKind kind;
  kind.width = image.width;
  kind.height = image.height;
  kind.compression = compression;
  return EncodeTiff(kind, std::string(image.rgb.begin(), image.rgb.end()));
}

std::string EncodeGif(const GifKind& kind, const std::vector<uint8_t>& indices) {
  std::string bytes;
  int error = 0;
  GifFileType* gif = EGifOpen(&bytes, &WriteGif, &error);
  CHECK(gif != nullptr);
  EGifSetGifVersion(gif, true);
  GifColorType colours[16];
  for (int i = 0; i < 16; ++i) {
    colours[i] = {static_cast<GifByteType>(16 * i), static_cast<GifByteType>(255 - i),
                  static_cast<GifByteType>(7 * i)};
  }
  ColorMapObject* map = GifMakeMapObject(16, colours);
  CHECK(EGifPutScreenDesc(gif, kind.canvas_width, kind.canvas_height, 4, 3,
                          kind.local_palette ? nullptr : map) == GIF_OK);
  std::vector<uint8_t> pixels = indices;
  for (int frame = 0; frame < kind.frames; ++frame) {
    const uint8_t comment[] = {'h', 'i'};
    CHECK(EGifPutExtension(gif, COMMENT_EXT_FUNC_CODE, 2, comment) == GIF_OK);
    if (kind.transparent >= 0) {
      const uint8_t control[] = {1, 0, 0, static_cast<uint8_t>(kind.transparent)};
      CHECK(EGifPutExtension(gif, GRAPHICS_EXT_FUNC_CODE, 4, control) == GIF_OK);
    }
    CHECK(EGifPutImageDesc(gif, kind.x, kind.y, kind.width, kind.height, kind.interlaced,
                           kind.local_palette ? map : nullptr) == GIF_OK);
    static constexpr int kBegin[] = {0, 4, 2, 1}, kStep[] = {8, 8, 4, 2};
    for (int pass = 0; pass < (kind.interlaced ? 4 : 1); ++pass) {
      for (int y = kind.interlaced ? kBegin[pass] : 0; y < kind.height;
           y += kind.interlaced ? kStep[pass] : 1) {
        CHECK(EGifPutLine(gif, &pixels[static_cast<size_t>(y) * static_cast<size_t>(kind.width)],
                          kind.width) == GIF_OK);
      }
    }
    std::fill(pixels.begin(), pixels.end(), uint8_t{0});
  }
  GifFreeMapObject(map);
  CHECK(EGifCloseFile(gif, &error) == GIF_OK);
  return bytes;
}

std::string EncodeBmp(const Image& image) {
  const auto number = [](uint32_t value) {
    std::string out;
    for (int i = 0; i < 4; ++i) out += static_cast<char>(value >> (8 * i));
    return out;
  };
  std::string rows;
  for (int y = image.height; y-- > 0;) {
    for (int x = 0; x < image.width; ++x) {
      for (int c = 2; c >= 0; --c) rows += static_cast<char>(image.pixel(x, y)[c]);
    }
    rows.resize((rows.size() + 3) / 4 * 4);
  }
  return "BM" + number(static_cast<uint32_t>(54 + rows.size())) + number(0) + number(54) +
         number(40) + number(static_cast<uint32_t>(image.width)) +
         number(static_cast<uint32_t>(image.height)) + number(1 | 24 << 16) + number(0) +
         number(static_cast<uint32_t>(rows.size())) + number(2835) + number(2835) + number(0) +
         number(0) + rows;
}

}  // namespace models
