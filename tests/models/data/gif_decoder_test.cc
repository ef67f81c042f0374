#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "models/data/image_io.h"
#include "tests/models/data/rare_images.h"

namespace models {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::vector<uint8_t> Indices(const GifKind& kind) {
  std::vector<uint8_t> indices;
  for (int i = 0; i < kind.width * kind.height; ++i) {
    indices.push_back(static_cast<uint8_t>(i * i / 3 % 16));
  }
  return indices;
}

std::vector<uint8_t> Colour(int index) {
  return {static_cast<uint8_t>(16 * index), static_cast<uint8_t>(255 - index),
          static_cast<uint8_t>(7 * index)};
}

// As Pillow 13 shows it: around the frame stands the transparent colour, else the first.
TEST(GifDecoder, TheFirstFrameIsShownOnItsCanvas) {
  struct Case {
    GifKind kind;
    int width, height;  // of the picture
  };
  GifKind whole;
  whole.canvas_width = whole.width = 13;
  whole.canvas_height = whole.height = 21;
  GifKind inside = {30, 25, 5, 3, 13, 21};
  GifKind beyond = {10, 30, 5, 3, 13, 21};
  for (Case c : std::vector<Case>{{whole, 13, 21}, {inside, 30, 25}, {beyond, 18, 30}}) {
    for (const bool interlaced : {false, true}) {
      for (const int transparent : {-1, 3}) {
        c.kind.interlaced = interlaced;
        c.kind.local_palette = interlaced;
        c.kind.transparent = transparent;
        c.kind.frames = 2;
        const std::vector<uint8_t> indices = Indices(c.kind);
        const auto image = DecodeImage(EncodeGif(c.kind, indices));
        ASSERT_TRUE(image.ok()) << image.status();
        ASSERT_EQ(image->width, c.width);
        ASSERT_EQ(image->height, c.height);
        for (int y = 0; y < c.height; ++y) {
          for (int x = 0; x < c.width; ++x) {
            const int fx = x - c.kind.x, fy = y - c.kind.y;
            const bool in = fx >= 0 && fy >= 0 && fx < c.kind.width && fy < c.kind.height;
            const int index = in ? indices[static_cast<size_t>(fy * c.kind.width + fx)]
                                 : std::max(0, transparent);
            ASSERT_EQ(std::vector<uint8_t>(image->pixel(x, y), image->pixel(x, y) + 3),
                      Colour(index))
                << x << "," << y;
          }
        }
      }
    }
  }
}

TEST(GifDecoder, BrokenOffAndHugeFilesAreRefused) {
  GifKind kind = {40, 30, 0, 0, 40, 30};
  const std::string gif = EncodeGif(kind, Indices(kind));
  for (size_t size = 6; size + 8 < gif.size(); size += 11) {
    EXPECT_THAT(std::string(DecodeImage(gif.substr(0, size)).status().message()),
                AllOf(HasSubstr("bad GIF"), HasSubstr("broke off?")))
        << size;
  }
  EXPECT_THAT(
      std::string(DecodeImage(gif.substr(0, 13) + std::string(48, '\0') + ";").status().message()),
      HasSubstr("no picture"));
  std::string huge = gif;
  huge[7] = huge[9] = '\xFF';
  EXPECT_THAT(std::string(DecodeImage(huge).status().message()),
              AllOf(HasSubstr("65320x65310"), HasSubstr("--max_image_megapixels=100;")));
}

}  // namespace
}  // namespace models
