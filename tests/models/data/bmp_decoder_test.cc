// What the pixels should be follows from the samples; it was compared with Pillow 13.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

std::string Number(uint32_t value, int bytes = 4) {
  std::string out;
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i));
  return out;
}

struct Kind {
  int bits = 24;
  int header = 40;
  bool top_down = false;
  uint32_t compression = 0;
  std::vector<uint32_t> masks = {};
};

constexpr int kWidth = 11, kHeight = 7;

uint32_t Pixel(const Kind& kind, int x, int y) {
  const uint32_t mixed = 2654435761u * static_cast<uint32_t>(1 + x + 31 * y);
  return kind.bits == 32 ? mixed : mixed >> 5 & ((1u << kind.bits) - 1);
}

std::string Encode(const Kind& kind) {
  const int width = kWidth, height = kHeight;
  std::string palette, rows;
  for (int i = 0; kind.bits <= 8 && i < 1 << kind.bits; ++i) {
    palette += {char(i * 3), char(i * 5 + 1), char(i * 7 + 2)};  // blue, green, red
    if (kind.header != 12) palette += '\x77';
  }
  for (int row = 0; row < height; ++row) {
    const int y = kind.top_down ? row : height - 1 - row;
    uint32_t held = 0;
    int bits = 0;
    for (int x = 0; x < width; ++x) {
      if (kind.bits >= 8) {
        rows += Number(Pixel(kind, x, y), kind.bits / 8);
        continue;
      }
      held = held << kind.bits | Pixel(kind, x, y);
      bits += kind.bits;
      if (bits == 8) rows += static_cast<char>(held), held = 0, bits = 0;
    }
    if (bits > 0) rows += static_cast<char>(held << (8 - bits));
    rows.resize((rows.size() + 3) / 4 * 4);
  }
  std::string header = Number(static_cast<uint32_t>(kind.header));
  if (kind.header == 12) {
    header += Number(kWidth, 2) + Number(kHeight, 2) + Number(1, 2) +
              Number(static_cast<uint32_t>(kind.bits), 2);
  } else {
    header += Number(kWidth) + Number(static_cast<uint32_t>(kind.top_down ? -kHeight : kHeight)) +
              Number(1, 2) + Number(static_cast<uint32_t>(kind.bits), 2) +
              Number(kind.compression) + Number(0) + Number(0) + Number(0) + Number(0) + Number(0);
    for (const uint32_t mask : kind.masks) header += Number(mask);
    if (kind.header > 40) header.resize(static_cast<size_t>(kind.header));
  }
  const auto begin = static_cast<uint32_t>(14 + header.size() + palette.size());
  return "BM" + Number(begin + static_cast<uint32_t>(rows.size())) + Number(0) + Number(begin) +
         header + palette + rows;
}

Image Right(const Kind& kind) {
  Image image = Image::Sized(kWidth, kHeight);
  for (int y = 0; y < kHeight; ++y) {
    for (int x = 0; x < kWidth; ++x) {
      const uint32_t pixel = Pixel(kind, x, y);
      for (int c = 0; c < 3; ++c) {
        uint32_t value = pixel >> (16 - 8 * c) & 255;
        if (kind.bits <= 8)
          value = pixel * static_cast<uint32_t>(7 - 2 * c) + static_cast<uint32_t>(2 - c);
        if (kind.bits == 16 && kind.masks.empty()) value = (pixel >> (10 - 5 * c) & 31) * 255 / 31;
        if (kind.bits == 16 && !kind.masks.empty()) {  // 5, 6 and 5 bits
          value =
              c == 1 ? (pixel >> 5 & 63) * 255 / 63 : (pixel >> (c == 0 ? 11 : 0) & 31) * 255 / 31;
        }
        image.pixel(x, y)[c] = static_cast<uint8_t>(value);
      }
    }
  }
  return image;
}

TEST(BmpDecoder, EveryKindHasItsSamples) {
  std::vector<Kind> kinds;
  for (const int bits : {1, 4, 8, 16, 24, 32}) {
    kinds.push_back({bits});
    kinds.push_back({bits, 40, true});
    kinds.push_back({bits, 124});
    if (bits != 32 && bits != 16) kinds.push_back({bits, 12});
  }
  const std::vector<uint32_t> five_six_five = {0xF800, 0x07E0, 0x001F};
  const std::vector<uint32_t> bytes = {0xFF0000, 0x00FF00, 0x0000FF};
  for (const int header : {40, 56, 108}) {
    kinds.push_back({16, header, false, 3, five_six_five});
    kinds.push_back({32, header, false, 3, bytes});
  }
  for (const Kind& kind : kinds) {
    const auto image = DecodeImage(Encode(kind));
    ASSERT_TRUE(image.ok()) << image.status();
    EXPECT_EQ(MaxDifference(*image, Right(kind)), 0)
        << kind.bits << " bits, header " << kind.header << ", compression " << kind.compression;
  }
  const Image photograph = PhotographLike(31, 17, 2);
  EXPECT_EQ(MaxDifference(*DecodeImage(EncodeBmp(photograph)), photograph), 0);
}

TEST(BmpDecoder, KindsThatAreNotReadAreNamed) {
  for (const auto& [compression, words] :
       std::vector<std::pair<uint32_t, std::string>>{{1, "a run-length encoded BMP"},
                                                     {2, "a run-length encoded BMP"},
                                                     {4, "compression 4"}}) {
    EXPECT_THAT(std::string(DecodeImage(Encode({8, 40, false, compression})).status().message()),
                AllOf(HasSubstr(words), HasSubstr("convert it"), Not(HasSubstr("damaged"))));
  }
}

TEST(BmpDecoder, BrokenOffDamagedAndHugeFilesAreRefused) {
  const std::string bmp = Encode({24});
  for (size_t size = 34; size + 4 < bmp.size(); ++size) {
    EXPECT_THAT(std::string(DecodeImage(bmp.substr(0, size)).status().message()),
                HasSubstr("broke off?"))
        << size;
  }
  const auto changed = [&bmp](size_t at, uint32_t value) {
    std::string bytes = bmp;
    return std::string(DecodeImage(bytes.replace(at, 4, Number(value))).status().message());
  };
  EXPECT_THAT(changed(10, 0xFFFFFFFF), HasSubstr("broke off?"));  // where the rows begin
  EXPECT_THAT(changed(18, 0), HasSubstr("impossible size 0x7"));
  EXPECT_THAT(changed(18, 0x80000000), HasSubstr("impossible size"));
  EXPECT_THAT(changed(22, 0x80000000), HasSubstr("--max_image_megapixels"));
  EXPECT_THAT(changed(28, 13), HasSubstr("13 bits a pixel; its bytes are damaged"));
}

}  // namespace
}  // namespace models
