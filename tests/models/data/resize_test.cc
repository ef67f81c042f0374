#include "models/data/resize.h"

#include <gtest/gtest.h>

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
  EXPECT_EQ(cases, 10);
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

}  // namespace
}  // namespace models
