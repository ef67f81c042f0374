#include "models/data/resize.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>

#include "tests/models/data/test_images.h"

namespace models {
namespace {

// The image that testdata/resize_pillow.txt was computed from.
Image FormulaImage() {
  Image image = Image::Sized(13, 9);
  for (uint64_t y = 0; y < 9; ++y) {
    for (uint64_t x = 0; x < 13; ++x) {
      for (uint64_t c = 0; c < 3; ++c) {
        const uint64_t mixed = (x * 2654435761u ^ y * 40503u ^ c * 97u) >> 7;
        image.pixel(x, y)[c] =
            static_cast<uint8_t>(x * x * 31 + y * y * 17 + x * y * 7 + c * 83 + mixed);
      }
    }
  }
  return image;
}

TEST(Resize, EqualsPillow) {
  std::ifstream file("tests/models/data/testdata/resize_pillow.txt");
  ASSERT_TRUE(file.good());
  const Image image = FormulaImage();
  BicubicResizer resizer;  // one for all cases: nothing may be left over from the last
  Image out;
  int cases = 0;
  for (std::string line; std::getline(file, line);) {
    if (line[0] == '#') continue;
    std::istringstream fields(line);
    int width, height;
    ImageArea box;
    std::string hex;
    ASSERT_TRUE(fields >> width >> height >> box.x0 >> box.y0 >> box.x1 >> box.y1 >> hex);
    resizer.Resize(ImageView(image), box, width, height, &out);
    ASSERT_EQ(out.rgb.size() * 2, hex.size());
    for (size_t i = 0; i < out.rgb.size(); ++i) {
      ASSERT_EQ(out.rgb[i], std::stoi(hex.substr(2 * i, 2), nullptr, 16))
          << "case " << cases << " byte " << i;
    }
    ++cases;
  }
  EXPECT_EQ(cases, 16);
}

// One axis by Pillow's rule, one value at a time: `in` has `stride` bytes between samples.
void PlainAxis(const uint8_t* in, int input, size_t stride, int output, uint8_t* out,
               size_t out_stride) {
  const double scale = double(input) / output, widen = std::max(scale, 1.0);
  const auto cubic = [](double x) {
    x = std::fabs(x);
    if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
    return x < 2 ? (((x - 5) * x + 8) * x - 4) * -0.5 : 0.0;
  };
  for (int i = 0; i < output; ++i) {
    const double center = (i + 0.5) * scale;
    const int first = std::max(0, static_cast<int>(center - 2 * widen + 0.5));
    const int end = std::min(input, static_cast<int>(center + 2 * widen + 0.5));
    double sum = 0;
    for (int j = first; j < end; ++j) sum += cubic((j - center + 0.5) * (1 / widen));
    int32_t value = 1 << 21;
    for (int j = first; j < end; ++j) {
      const double weight = cubic((j - center + 0.5) * (1 / widen)) / sum * (1 << 22);
      value += static_cast<int32_t>(weight + (weight < 0 ? -0.5 : 0.5)) * in[stride * j];
    }
    out[out_stride * i] = static_cast<uint8_t>(std::clamp(value >> 22, 0, 255));
  }
}

TEST(Resize, EveryShapeEqualsPlainLoops) {
  BicubicResizer resizer;
  Image out;
  for (const auto& [w, h] :
       {std::pair{1, 1}, {2, 3}, {10, 10}, {11, 21}, {33, 9}, {64, 65}, {70, 31}, {3, 80}}) {
    Image image = PhotographLike(w, h, 11);
    for (size_t i = 0; i < image.rgb.size(); i += 5) image.rgb[i] = i % 2 == 0 ? 255 : 0;
    for (const auto& [to_w, to_h] : {std::pair{1, 1}, {7, 5}, {12, 34}, {32, 32}, {97, 40}}) {
      resizer.Resize(ImageView(image), to_w, to_h, &out);
      Image expected = image;
      const bool vertical_first = h - to_h > std::max(0, 2 * (w - to_w));
      for (const bool down : {vertical_first, !vertical_first}) {
        const Image from = expected;
        expected = Image::Sized(down ? from.width : to_w, down ? to_h : from.height);
        if (down) {
          for (int i = 0; i < 3 * from.width; ++i) {
            const size_t stride = size_t{3} * from.width;
            PlainAxis(from.rgb.data() + i, h, stride, to_h, expected.rgb.data() + i, stride);
          }
          continue;
        }
        for (int y = 0; y < from.height; ++y) {
          for (int c = 0; c < 3; ++c) {
            PlainAxis(from.pixel(0, y) + c, w, 3, to_w, expected.pixel(0, y) + c, 3);
          }
        }
      }
      ASSERT_EQ(out.rgb, expected.rgb) << w << "x" << h << " to " << to_w << "x" << to_h;
    }
  }
}

// What Pillow 13 was seen to do, on both sides of the boundary.
TEST(VerticalFirst, WhereRowsGoMoreThanTwiceAsFastAsColumns) {
  EXPECT_TRUE(VerticalFirst(80, 40, 71, 20));
  EXPECT_FALSE(VerticalFirst(80, 40, 70, 20));
  EXPECT_TRUE(VerticalFirst(300, 640, 256, 546));
  EXPECT_FALSE(VerticalFirst(500, 375, 341, 256));
  EXPECT_TRUE(VerticalFirst(10, 50, 100, 49));
  EXPECT_FALSE(VerticalFirst(10, 50, 100, 50));  // nothing to do down
  EXPECT_FALSE(VerticalFirst(8, 51, 83, 58));
}

TEST(Resize, SameSizeIsACopy) {
  const Image image = GradientImage(19, 11);
  Image out;
  BicubicResizer().Resize(ImageView(image), 19, 11, &out);
  EXPECT_EQ(out.rgb, image.rgb);
}

TEST(Resize, ConstantStaysConstant) {
  Image image = Image::Sized(40, 30);
  std::fill(image.rgb.begin(), image.rgb.end(), 201);
  BicubicResizer resizer;
  Image out;
  for (const auto& [w, h] : {std::pair{7, 3}, {1, 1}, {100, 41}, {40, 5}}) {
    resizer.Resize(ImageView(image), w, h, &out);
    for (uint8_t v : out.rgb) ASSERT_EQ(v, 201);
  }
}

TEST(Resize, AViewDoesNotSeeItsSurroundings) {
  Image image = GradientImage(30, 20);
  const PixelBox box = {5, 4, 12, 9};
  Image crop = Image::Sized(box.width, box.height);
  for (int y = 0; y < box.height; ++y) {
    std::copy_n(image.pixel(box.x, box.y + y), 3 * box.width, crop.pixel(0, y));
  }
  Image from_view, from_copy;
  BicubicResizer resizer;
  resizer.Resize(ImageView(image, box), 8, 8, &from_view);
  resizer.Resize(ImageView(crop), 8, 8, &from_copy);
  EXPECT_EQ(from_view.rgb, from_copy.rgb);
}

Image Deepened(const Image& image) {
  Image deep;
  deep.SetDeepSize(image.width, image.height, 3);
  for (size_t i = 0; i < image.rgb.size(); ++i) {
    deep.deep[i] = static_cast<uint16_t>(257 * image.rgb[i]);
  }
  return deep;
}

TEST(Resize, DeepImagesHaveTheSameWeights) {
  Image image = PhotographLike(61, 47, 3);
  for (uint8_t& value : image.rgb) value = static_cast<uint8_t>(64 + value / 2);  // no clipping
  const Image deep = Deepened(image);
  BicubicResizer resizer;
  Image out, deep_out;
  for (const auto& [width, height] :
       {std::pair{20, 20}, {61, 30}, {90, 47}, {7, 100}, {61, 47}, {1, 1}}) {
    for (const ImageArea& box : {ImageArea{0, 0, 61, 47}, ImageArea{3.5, 1, 50, 40.25}}) {
      resizer.Resize(ImageView(image), box, width, height, /*vertical_first=*/false, &out);
      resizer.Resize(ImageView(deep), box, width, height, /*vertical_first=*/false, &deep_out);
      ASSERT_TRUE(deep_out.is_deep());
      ASSERT_EQ(deep_out.deep.size(), out.rgb.size());
      for (size_t i = 0; i < out.rgb.size(); ++i) {
        // Bytes are rounded after each pass.
        EXPECT_NEAR(deep_out.deep[i] / 257.0, out.rgb[i], 1.2) << width << "x" << height;
      }
    }
  }
}

TEST(Resize, DeepImagesKeepWhatBytesWouldLose) {
  Image ramp;
  ramp.SetDeepSize(64, 8, 1);
  for (int y = 0; y < 8; ++y) {
    for (int x = 0; x < 64; ++x) ramp.deep_row(y)[x] = static_cast<uint16_t>(30000 + 4 * x + y);
  }
  BicubicResizer resizer;
  Image out;
  resizer.Resize(ImageView(ramp), 32, 8, &out);
  ASSERT_EQ(out.channels, 1);
  for (int y = 0; y < 8; ++y) {
    for (int x = 4; x < 28; ++x) {
      EXPECT_NEAR(out.deep_row(y)[x], 30000 + 8 * x + 2 + y, 1);
    }
  }
  // A part of it, as it is.
  resizer.Resize(ImageView(ramp, {10, 2, 5, 3}), 5, 3, &out);
  for (int y = 0; y < 3; ++y) {
    for (int x = 0; x < 5; ++x) EXPECT_EQ(out.deep_row(y)[x], ramp.deep_row(y + 2)[x + 10]);
  }
}

}  // namespace
}  // namespace models
