// What the pixels should be follows from the samples; it was compared with Pillow 13.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tiff.h>

#include <string>
#include <vector>

#include "models/data/image_io.h"
#include "tests/models/data/rare_images.h"
#include "tests/models/data/test_images.h"

namespace models {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr int kWidth = 37, kHeight = 21;

uint32_t Sample(const TiffKind& kind, int x, int y, int c) {
  const uint32_t mixed = static_cast<uint32_t>(x * 7919 + y * 104729 + c * 1299709 + x * y * 31);
  return x == 0 ? (1u << kind.bits) - 1 : mixed & ((1u << kind.bits) - 1);
}

std::string Rows(const TiffKind& kind) {
  std::string rows;
  for (int y = 0; y < kHeight; ++y) {
    uint32_t bits = 0;
    int held = 0;
    for (int x = 0; x < kWidth; ++x) {
      for (int c = 0; c < kind.samples; ++c) {
        const uint32_t sample = Sample(kind, x, y, c);
        if (kind.bits == 16) {
          rows += {static_cast<char>(sample), static_cast<char>(sample >> 8)};
          continue;
        }
        bits = bits << kind.bits | sample;
        held += kind.bits;
        if (held == 8) rows += static_cast<char>(bits), bits = 0, held = 0;
      }
    }
    if (held > 0) rows += static_cast<char>(bits << (8 - held));
  }
  return rows;
}

Image Right(const TiffKind& kind) {
  Image image = Image::Sized(kWidth, kHeight);
  const uint32_t most = (1u << kind.bits) - 1;
  for (int y = 0; y < kHeight; ++y) {
    for (int x = 0; x < kWidth; ++x) {
      uint32_t s = Sample(kind, x, y, 0);
      uint32_t rgb[3] = {s, s, s};
      if (kind.photometric == PHOTOMETRIC_RGB) {
        for (int c = 0; c < 3; ++c) rgb[c] = Sample(kind, x, y, c) >> (kind.bits - 8);
      } else if (kind.photometric == PHOTOMETRIC_PALETTE) {
        rgb[0] = s;
        rgb[1] = 255 - s;
        rgb[2] = s;
      } else {
        if (kind.photometric == PHOTOMETRIC_MINISWHITE) s = most - s;
        rgb[0] = rgb[1] = rgb[2] = (s * 255 + most / 2) / most;
      }
      for (int c = 0; c < 3; ++c) image.pixel(x, y)[c] = static_cast<uint8_t>(rgb[c]);
    }
  }
  return image;
}

TiffKind Kind(uint16_t photometric, uint16_t bits, uint16_t samples) {
  TiffKind kind;
  kind.width = kWidth;
  kind.height = kHeight;
  kind.photometric = photometric;
  kind.bits = bits;
  kind.samples = samples;
  return kind;
}

TEST(TiffDecoder, EveryKindHasItsSamplesHoweverTheyAreStored) {
  std::vector<TiffKind> kinds;
  for (const uint16_t bits : {1, 2, 4, 8, 16}) {
    kinds.push_back(Kind(PHOTOMETRIC_MINISBLACK, bits, 1));
    kinds.push_back(Kind(PHOTOMETRIC_MINISWHITE, bits, 1));
    if (bits < 16) kinds.push_back(Kind(PHOTOMETRIC_PALETTE, bits, 1));
  }
  for (const uint16_t bits : {8, 16}) {
    kinds.push_back(Kind(PHOTOMETRIC_RGB, bits, 3));
    kinds.push_back(Kind(PHOTOMETRIC_RGB, bits, 4));
    kinds.back().extra = EXTRASAMPLE_UNASSALPHA;
    kinds.push_back(Kind(PHOTOMETRIC_MINISBLACK, bits, 2));
  }
  for (TiffKind kind : kinds) {
    const std::string rows = Rows(kind);
    const Image right = Right(kind);
    for (const uint16_t compression : {COMPRESSION_NONE, COMPRESSION_LZW, COMPRESSION_ADOBE_DEFLATE,
                                       COMPRESSION_PACKBITS, COMPRESSION_ZSTD}) {
      for (const int tile : {0, 16}) {
        kind.compression = compression;
        kind.tile = tile;
        kind.big_endian = tile == 0;
        kind.big_tiff = tile == 16;
        const auto image = DecodeImage(EncodeTiff(kind, rows));
        ASSERT_TRUE(image.ok()) << image.status();
        EXPECT_EQ(MaxDifference(*image, right), 0)
            << "photometric " << kind.photometric << ", " << kind.samples << " samples of "
            << kind.bits << " bits, compression " << compression << ", tile " << tile;
      }
    }
  }
}

TEST(TiffDecoder, ColoursThatJpegPackedAreRgb) {
  const Image image = GradientImage(40, 24);
  TiffKind kind = Kind(PHOTOMETRIC_YCBCR, 8, 3);
  kind.width = 40;
  kind.height = 24;
  kind.compression = COMPRESSION_JPEG;
  const auto decoded =
      DecodeImage(EncodeTiff(kind, std::string(image.rgb.begin(), image.rgb.end())));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_LE(MaxDifference(*decoded, image), 4);
}

// A bug once: libtiff only warns of what its JPEG decoder made up.
TEST(TiffDecoder, DamageWithinPackedJpegIsRefused) {
  const Image image = GradientImage(64, 64);
  TiffKind kind = Kind(PHOTOMETRIC_YCBCR, 8, 3);
  kind.width = kind.height = 64;
  kind.compression = COMPRESSION_JPEG;
  std::string tiff = EncodeTiff(kind, std::string(image.rgb.begin(), image.rgb.end()));
  const size_t scan = tiff.rfind("\xFF\xDA");
  const size_t end = tiff.find("\xFF\xD9", scan);
  ASSERT_NE(end, std::string::npos);
  // The end comes in the middle of the scan.
  tiff.replace(scan + (end - scan) / 2, 2, "\xFF\xD9");
  EXPECT_THAT(std::string(DecodeImage(tiff).status().message()),
              AllOf(HasSubstr("bad TIFF"), HasSubstr("damaged")));
}

TEST(TiffDecoder, IsTurnedUpright) {
  // The picture's corners, in the order of rows, under each of the eight orientations.
  const std::string corners = "abcdef";  // 3 x 2, grey
  const char* const upright[] = {"abcdef", "cbafed", "fedcba", "defabc",
                                 "adbecf", "daebfc", "fcebda", "cfbead"};
  for (uint16_t orientation = 1; orientation <= 8; ++orientation) {
    TiffKind kind = Kind(PHOTOMETRIC_MINISBLACK, 8, 1);
    kind.width = 3;
    kind.height = 2;
    kind.orientation = orientation;
    const auto image = DecodeImage(EncodeTiff(kind, corners));
    ASSERT_TRUE(image.ok()) << image.status();
    EXPECT_EQ(image->width, orientation < 5 ? 3 : 2);
    std::string seen;
    for (size_t i = 0; i < image->rgb.size(); i += 3) seen += static_cast<char>(image->rgb[i]);
    EXPECT_EQ(seen, upright[orientation - 1]) << orientation;
  }
}

TEST(TiffDecoder, KindsThatAreNotReadAreNamed) {
  TiffKind with_sign = Kind(PHOTOMETRIC_MINISBLACK, 16, 1);
  with_sign.format = SAMPLEFORMAT_INT;
  TiffKind premultiplied = Kind(PHOTOMETRIC_RGB, 8, 4);
  premultiplied.extra = EXTRASAMPLE_ASSOCALPHA;
  TiffKind last_premultiplied = Kind(PHOTOMETRIC_MINISBLACK, 16, 4);
  last_premultiplied.extra = EXTRASAMPLE_ASSOCALPHA;
  TiffKind planes = Kind(PHOTOMETRIC_RGB, 8, 3);
  planes.by_planes = true;
  for (const auto& [kind, words] : std::vector<std::pair<TiffKind, std::string>>{
           {Kind(PHOTOMETRIC_SEPARATED, 8, 4), "CMYK colours"},
           {Kind(PHOTOMETRIC_CIELAB, 8, 3), "Lab colours"},
           {Kind(PHOTOMETRIC_RGB, 8, 20), "20 samples a pixel"},  // memory for each, once
           {with_sign, "samples with a sign"},
           {premultiplied, "premultiplied alpha"},
           {last_premultiplied, "premultiplied alpha"},
           {planes, "colours plane by plane"}}) {
    EXPECT_THAT(std::string(DecodeImage(EncodeTiff(kind, Rows(kind))).status().message()),
                AllOf(HasSubstr("a TIFF with " + words), HasSubstr("convert it"),
                      Not(HasSubstr("damaged"))));
  }
}

TEST(TiffDecoder, BrokenOffDamagedAndHugeFilesAreRefused) {
  TiffKind kind = Kind(PHOTOMETRIC_RGB, 8, 3);
  kind.compression = COMPRESSION_LZW;
  const std::string tiff = EncodeTiff(kind, Rows(kind));
  for (size_t size = 8; size < tiff.size(); size += 97) {
    EXPECT_THAT(std::string(DecodeImage(tiff.substr(0, size)).status().message()),
                AllOf(HasSubstr("bad TIFF"), HasSubstr("broke off?")))
        << size;
  }
  std::string flipped = tiff;
  flipped.replace(60, 40, std::string(40, '\xFF'));
  EXPECT_THAT(std::string(DecodeImage(flipped).status().message()),
              AllOf(HasSubstr("bad TIFF"), HasSubstr("damaged")));
  PictureLimits limits;
  limits.max_pixels = kWidth * kHeight - 1;
  EXPECT_THAT(std::string(DecodeImage(tiff, limits).status().message()),
              HasSubstr("--max_image_megapixels"));
}

TEST(TiffDecoder, SixteenBitsAndFourSamplesAreKeptWhereTheNetTakesThem) {
  const auto four = [](TiffKind kind, uint16_t extra) {
    kind.extra = extra;
    return kind;
  };
  const struct {
    TiffKind kind;
    int channels, deep;  // that the net takes; that the image has, 0 for 8-bit RGB
  } cases[] = {
      {Kind(PHOTOMETRIC_MINISBLACK, 16, 1), 1, 1},
      {Kind(PHOTOMETRIC_MINISWHITE, 16, 1), 3, 1},
      {Kind(PHOTOMETRIC_MINISBLACK, 8, 1), 1, 0},
      {Kind(PHOTOMETRIC_RGB, 16, 3), 3, 3},
      {Kind(PHOTOMETRIC_RGB, 8, 3), 3, 0},
      {four(Kind(PHOTOMETRIC_RGB, 16, 4), EXTRASAMPLE_UNASSALPHA), 3, 3},
      {four(Kind(PHOTOMETRIC_RGB, 16, 4), EXTRASAMPLE_UNASSALPHA), 4, 4},
      {four(Kind(PHOTOMETRIC_RGB, 8, 4), EXTRASAMPLE_UNSPECIFIED), 4, 4},
      {four(Kind(PHOTOMETRIC_MINISBLACK, 16, 4), EXTRASAMPLE_UNSPECIFIED), 4, 4},
      {four(Kind(PHOTOMETRIC_MINISWHITE, 16, 4), EXTRASAMPLE_UNSPECIFIED), 4, 4},
  };
  for (const auto& c : cases) {
    for (const int tile : {0, 16}) {
      TiffKind kind = c.kind;
      kind.tile = tile;
      PictureLimits limits;
      limits.channels = c.channels;
      const auto image = DecodeImage(EncodeTiff(kind, Rows(kind)), limits);
      ASSERT_TRUE(image.ok()) << image.status();
      const std::string which = "photometric " + std::to_string(kind.photometric) + ", " +
                                std::to_string(kind.samples) + " of " + std::to_string(kind.bits);
      if (c.deep == 0) {
        EXPECT_EQ(MaxDifference(*image, Right(kind)), 0) << which;
        continue;
      }
      ASSERT_EQ(image->channels, c.deep) << which;
      ASSERT_TRUE(image->is_deep());
      for (int y = 0; y < kHeight; ++y) {
        for (int x = 0; x < kWidth; ++x) {
          for (int s = 0; s < c.deep; ++s) {
            uint32_t right = Sample(kind, x, y, s) * (kind.bits == 8 ? 257 : 1);
            if (kind.photometric == PHOTOMETRIC_MINISWHITE && s == 0) right = 65535 - right;
            EXPECT_EQ(image->deep_row(y)[x * c.deep + s], right) << which;
          }
        }
      }
    }
  }
}

TEST(TiffDecoder, AFourthSampleIsNotMadeUp) {
  const TiffKind kind = Kind(PHOTOMETRIC_RGB, 16, 3);
  PictureLimits limits;
  limits.channels = 4;
  EXPECT_THAT(std::string(DecodeImage(EncodeTiff(kind, Rows(kind)), limits).status().message()),
              HasSubstr("it is read as three channels, and --channels=4 wants four"));
}

TEST(TiffDecoder, SixteenBitsAreTurnedUpright) {
  TiffKind kind = Kind(PHOTOMETRIC_MINISBLACK, 16, 1);
  kind.width = 3;
  kind.height = 2;
  kind.orientation = ORIENTATION_RIGHTTOP;
  PictureLimits limits;
  limits.channels = 1;
  const auto image = DecodeImage(EncodeTiff(kind, "aAbBcCdDeEfF"), limits);
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(image->width, 2);
  const auto* bytes = reinterpret_cast<const char*>(image->deep.data());
  EXPECT_EQ(std::string(bytes, 2 * image->deep.size()), "dDaAeEbBfFcC");
}

}  // namespace
}  // namespace models
