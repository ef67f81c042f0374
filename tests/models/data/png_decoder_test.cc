// PNG files are written here from samples by the format's rules, so that the right pixels are
// known without a decoder. What they should be was compared with Pillow 13.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "models/data/image_io.h"
#include "models/data/picture_decoders.h"
#include "tests/models/data/test_images.h"

namespace models {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr int kWidth = 21, kHeight = 13;  // every pass of an interlaced file has other edges

std::string BigEndian(uint32_t value, int bytes = 4) {
  std::string out;
  for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i));
  return out;
}

std::string Chunk(const std::string& type, const std::string& data) {
  const std::string summed = type + data;
  const uLong sum =
      crc32(0, reinterpret_cast<const Bytef*>(summed.data()), static_cast<uInt>(summed.size()));
  return BigEndian(static_cast<uint32_t>(data.size())) + summed +
         BigEndian(static_cast<uint32_t>(sum));
}

std::string Deflate(const std::string& bytes) {
  uLongf size = compressBound(bytes.size());
  std::string out(size, '\0');
  EXPECT_EQ(compress(reinterpret_cast<Bytef*>(&out[0]), &size,
                     reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()),
            Z_OK);
  out.resize(size);
  return out;
}

enum ColourType { kGrey = 0, kRgb = 2, kPalette = 3, kGreyAlpha = 4, kRgba = 6 };

struct Kind {
  ColourType type;
  int depth;
  bool interlaced = false;
  std::string before_pixels = {};  // chunks

  int channels() const { return type == kGreyAlpha ? 2 : type == kRgb ? 3 : type == kRgba ? 4 : 1; }
};

// Anything, and both ends of the range.
uint32_t Sample(const Kind& kind, int x, int y, int c) {
  const uint32_t most = (1u << kind.depth) - 1;
  if (y == 0 && x < 8) return std::min<uint32_t>(most, static_cast<uint32_t>(127 * x));
  const auto mixed = static_cast<uint32_t>(x * 7919 + y * 104729 + c * 1299709 + x * y * 31);
  return mixed % 17 == 0 ? most : mixed & most;
}

std::string Palette() {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += {char(i * 7), char(255 - i), char(i * i)};
  return bytes;
}

std::string Encode(const Kind& kind, const std::string& zlib_data = "") {
  static constexpr int kPasses[7][4] = {{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4},
                                        {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}};
  static constexpr int kAll[4] = {0, 0, 1, 1};
  std::string rows;
  for (int pass = 0; pass < (kind.interlaced ? 7 : 1); ++pass) {
    const int* const at = kind.interlaced ? kPasses[pass] : kAll;
    for (int y = at[1]; y < kHeight; y += at[3]) {
      rows += '\0';  // no filter
      uint32_t bits = 0;
      int held = 0;
      for (int x = at[0]; x < kWidth; x += at[2]) {
        for (int c = 0; c < kind.channels(); ++c) {
          const uint32_t sample = Sample(kind, x, y, c);
          if (kind.depth >= 8) {
            rows += BigEndian(sample, kind.depth / 8);
            continue;
          }
          bits = bits << kind.depth | sample;
          held += kind.depth;
          if (held == 8) rows += static_cast<char>(bits), bits = 0, held = 0;
        }
      }
      if (held > 0) rows += static_cast<char>(bits << (8 - held));
    }
  }
  std::string header = BigEndian(kWidth) + BigEndian(kHeight);
  header += {char(kind.depth), char(kind.type), 0, 0, char(kind.interlaced ? 1 : 0)};
  std::string png = "\x89PNG\r\n\x1A\n" + Chunk("IHDR", header) + kind.before_pixels;
  if (kind.type == kPalette) png += Chunk("PLTE", Palette().substr(0, size_t{3} << kind.depth));
  return png + Chunk("IDAT", zlib_data.empty() ? Deflate(rows) : zlib_data) + Chunk("IEND", "");
}

// By the rules of picture_decoders.h.
Image Right(const Kind& kind) {
  Image image = Image::Sized(kWidth, kHeight);
  const std::string palette = Palette();
  for (int y = 0; y < kHeight; ++y) {
    for (int x = 0; x < kWidth; ++x) {
      for (int c = 0; c < 3; ++c) {
        const bool grey = kind.type == kGrey || kind.type == kGreyAlpha;
        const uint32_t sample = Sample(kind, x, y, grey || kind.type == kPalette ? 0 : c);
        uint32_t value = sample;
        if (kind.type == kPalette) {
          value = static_cast<unsigned char>(palette[3 * sample + static_cast<uint32_t>(c)]);
        } else if (kind.type == kGrey) {
          const uint32_t most = (1u << kind.depth) - 1;
          value = (sample * 255 + most / 2) / most;
        } else if (kind.depth == 16) {
          value = sample >> 8;
        }
        image.pixel(x, y)[c] = static_cast<uint8_t>(value);
      }
    }
  }
  return image;
}

TEST(PngDecoder, EveryKindHasItsSamplesWhateverItSaysOfColourAndTransparency) {
  const std::string gamma = Chunk("gAMA", BigEndian(100'000));
  const std::string old_mac = Chunk("gAMA", BigEndian(55'556));
  std::string primaries;
  for (const uint32_t v : {31270, 32900, 60000, 33000, 30000, 60000, 15000, 6000}) {
    primaries += BigEndian(v);
  }
  const std::string profile = Chunk("iCCP", std::string("x\0\0", 3) + Deflate("no profile"));
  const std::string srgb = Chunk("sRGB", std::string(1, '\0'));
  int kinds = 0;
  for (const auto& [type, depths] :
       std::vector<std::pair<ColourType, std::vector<int>>>{{kGrey, {1, 2, 4, 8, 16}},
                                                            {kRgb, {8, 16}},
                                                            {kPalette, {1, 2, 4, 8}},
                                                            {kGreyAlpha, {8, 16}},
                                                            {kRgba, {8, 16}}}) {
    std::string transparency;
    if (type == kGrey) transparency = Chunk("tRNS", BigEndian(0, 2));
    if (type == kRgb) transparency = Chunk("tRNS", std::string(6, '\0'));
    for (const int depth : depths) {
      for (const bool interlaced : {false, true}) {
        for (const std::string& colour :
             {std::string(), gamma, old_mac, gamma + Chunk("cHRM", primaries), profile + gamma,
              srgb}) {
          for (const std::string& clear : {std::string(), transparency}) {
            const Kind kind = {type, depth, interlaced, colour + clear};
            const auto image = DecodeImage(Encode(kind));
            ASSERT_TRUE(image.ok()) << image.status();
            EXPECT_EQ(MaxDifference(*image, Right(kind)), 0)
                << "type " << type << " depth " << depth << " interlaced " << interlaced << " "
                << colour.substr(4, 4);
            ++kinds;
          }
        }
      }
    }
  }
  EXPECT_EQ(kinds, 15 * 2 * 6 * 2);
}

TEST(PngDecoder, TransparencyOfAPaletteIsDropped) {
  const Kind kind = {kPalette, 2};
  std::string png = Encode(kind);
  png.insert(png.find("IDAT") - 4, Chunk("tRNS", std::string("\0\x80", 2)));
  const auto image = DecodeImage(png);
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(MaxDifference(*image, Right(kind)), 0);
}

// As of many old writers: a window of 256 bytes is claimed (first byte 0x08), and the data reach
// back further, here to the same row five rows before.
TEST(PngDecoder, AZlibHeaderMayClaimTooSmallAWindow) {
  const Kind kind = {kRgb, 8};
  constexpr int kPeriod = 5;
  const Image plain = Right(kind);
  Image right = Image::Sized(kWidth, kHeight);
  std::string rows;
  for (int y = 0; y < kHeight; ++y) {
    const uint8_t* row = plain.pixel(0, y % kPeriod);
    std::copy_n(row, 3 * kWidth, right.pixel(0, y));
    rows += '\0';
    rows.append(row, row + 3 * kWidth);
  }
  std::string zlib_data = Deflate(rows);
  ASSERT_LT(zlib_data.size(), rows.size() * 2 / 3);
  zlib_data[0] = '\x08';
  zlib_data[1] = static_cast<char>(31 - 0x0800 % 31);
  const auto image = DecodeImage(Encode(kind, zlib_data));
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(MaxDifference(*image, right), 0);
}

TEST(PngDecoder, DamageBesideThePixelsIsNone) {
  const Kind plain = {kRgb, 8};
  for (const char* type : {"gAMA", "tEXt", "iCCP", "tRNS", "eXIf", "abCd"}) {
    std::string chunk = Chunk(type, "some bytes that mean nothing");
    chunk.back() ^= 0x55;
    const auto image = DecodeImage(Encode({kRgb, 8, false, chunk}));
    ASSERT_TRUE(image.ok()) << type << ": " << image.status();
    EXPECT_EQ(MaxDifference(*image, Right(plain)), 0) << type;
  }
  // Without its last chunk all pixels are there.
  const std::string png = Encode(plain);
  EXPECT_TRUE(DecodeImage(png.substr(0, png.size() - 12)).ok());
}

TEST(PngDecoder, DamagedAndBrokenOffFilesAreToldApart) {
  for (const bool interlaced : {false, true}) {
    const std::string png = Encode({kRgba, 16, interlaced});
    for (size_t size = 9; size + 13 < png.size(); size += 7) {
      EXPECT_THAT(std::string(DecodeImage(png.substr(0, size)).status().message()),
                  AllOf(HasSubstr("bad PNG"), HasSubstr("broke off?")));
    }
    for (const size_t at : {png.find("IHDR") + 20, png.find("IDAT") + 20, png.size() - 20}) {
      std::string flipped = png;
      flipped[at] ^= 0x10;
      EXPECT_THAT(std::string(DecodeImage(flipped).status().message()),
                  AllOf(HasSubstr("bad PNG"), HasSubstr("its bytes are damaged")))
          << at;
    }
  }
}

TEST(PngDecoder, KindsThatAreNotReadAreNamed) {
  const std::string small = Encode({kGrey, 8});
  for (const auto& [bytes, words] : std::vector<std::pair<std::string, std::string>>{
           {ClaimPngSize(small, 1'000'001, 1), "1000001x1 pixels, more than libpng's 1000000"},
           {ClaimPngSize(small, 1, 2'000'000), "1x2000000"},
           {Encode({kGrey, 8, false, Chunk("ABCD", "x")}), "the critical chunk ABCD"},
           {std::string("\x89PNG\r\n\x1A\n") + Chunk("CgBI", "abcd") + small.substr(8),
            "a PNG of Apple's own kind"}}) {
    EXPECT_THAT(std::string(DecodeImage(bytes).status().message()),
                AllOf(HasSubstr(words), HasSubstr("convert it"), Not(HasSubstr("damaged")),
                      Not(HasSubstr("again"))));
  }
}

TEST(PngDecoder, SixteenBitsAndAFourthChannelAreKeptWhereTheNetTakesThem) {
  int deep = 0;
  for (const ColourType type : {kGrey, kRgb, kGreyAlpha, kRgba}) {
    for (const int depth : {8, 16}) {
      for (const int channels : {1, 3, 4}) {
        const Kind kind = {type, depth, /*interlaced=*/depth == 16 && channels == 3};
        PictureLimits limits;
        limits.channels = channels;
        const auto image = DecodeImage(Encode(kind), limits);
        const bool fourth = channels == 4 && (type == kGreyAlpha || type == kRgba);
        if (channels == 4 && !fourth) {
          const std::string has = type == kGrey && depth == 16 ? "one channel" : "three channels";
          EXPECT_THAT(std::string(image.status().message()),
                      AllOf(HasSubstr("it is read as " + has + ", "),
                            HasSubstr("--channels=4 wants four"), HasSubstr("convert it")));
          continue;
        }
        ASSERT_TRUE(image.ok()) << image.status();
        if (depth == 8 && !fourth) {
          EXPECT_FALSE(image->is_deep());
          EXPECT_EQ(MaxDifference(*image, Right(kind)), 0);
          continue;
        }
        ++deep;
        const bool grey = type == kGrey || type == kGreyAlpha;
        ASSERT_TRUE(image->is_deep() && image->rgb.empty());
        ASSERT_EQ(image->channels, fourth ? 4 : grey ? 1 : 3);
        for (int y = 0; y < kHeight; ++y) {
          for (int x = 0; x < kWidth; ++x) {
            for (int c = 0; c < image->channels; ++c) {
              const int of_file = grey ? (c == 3 ? 1 : 0) : c;
              EXPECT_EQ(image->deep_row(y)[x * image->channels + c],
                        Sample(kind, x, y, of_file) * (depth == 8 ? 257 : 1))
                  << "type " << type << " depth " << depth << " channels " << channels;
            }
          }
        }
      }
    }
  }
  EXPECT_EQ(deep, 4 * 2 + 2 + 2);
}

// libpng takes the transparent colour back when a palette comes after it.
TEST(PngDecoder, ATransparentColourBeforeAPaletteIsNone) {
  const std::string before = Chunk("tRNS", std::string(6, '\0')) + Chunk("PLTE", Palette());
  PictureLimits limits;
  limits.channels = 4;
  for (const int depth : {8, 16}) {
    const std::string png = Encode({kRgb, depth, false, before});
    EXPECT_THAT(std::string(DecodeImage(png, limits).status().message()),
                HasSubstr("it is read as three channels"));
    EXPECT_TRUE(DecodeImage(png).ok());
  }
  EXPECT_EQ(
      DecodeImage(Encode({kRgb, 8, false, Chunk("tRNS", std::string(6, '\0'))}), limits)->channels,
      4);
}

TEST(PngDecoder, TransparencyOfAPaletteIsTheFourthChannel) {
  const Kind kind = {kPalette, 2};
  std::string png = Encode(kind);
  png.insert(png.find("IDAT") - 4, Chunk("tRNS", std::string("\0\x80", 2)));
  PictureLimits limits;
  limits.channels = 4;
  const auto image = DecodeImage(png, limits);
  ASSERT_TRUE(image.ok()) << image.status();
  ASSERT_EQ(image->channels, 4);
  const Image right = Right(kind);
  constexpr int kAlpha[] = {0, 0x80, 0xFF, 0xFF};
  for (int y = 0; y < kHeight; ++y) {
    for (int x = 0; x < kWidth; ++x) {
      const uint16_t* pixel = image->deep_row(y) + 4 * x;
      for (int c = 0; c < 3; ++c) EXPECT_EQ(pixel[c], 257 * right.pixel(x, y)[c]);
      EXPECT_EQ(pixel[3], 257 * kAlpha[Sample(kind, x, y, 0)]);
    }
  }
}

}  // namespace
}  // namespace models
