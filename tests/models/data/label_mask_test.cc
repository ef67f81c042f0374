#include "models/data/label_mask.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/data/image_io.h"
#include "models/data/resize.h"
#include "models/data/whole_picture.h"
#include "tests/models/data/test_images.h"

namespace models {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<uint8_t> Decode(const std::string& bytes) {
  LabelMask mask;
  const absl::Status status = DecodeMask(bytes, {}, &mask);
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(mask.classes.size(), size_t{1} * mask.width * mask.height);
  return mask.classes;
}

std::string WhyNot(const std::string& bytes) {
  LabelMask mask;
  return std::string(DecodeMask(bytes, {}, &mask).message());
}

TEST(LabelMask, HasThePalettesNumbersAndNotItsColours) {
  EXPECT_THAT(Decode(EncodePalettePng(std::string("\0\1\376\377\2\3", 6), 3, 2)),
              ElementsAre(0, 1, 254, 255, 2, 3));
}

TEST(LabelMask, PaletteNumbersOfFewBits) {
  const std::string numbers("\0\1\1\0\1\1\1\0\0\0\1", 11);
  for (int entries : {2, 4, 16}) {
    EXPECT_THAT(Decode(EncodePalettePng(numbers, 11, 1, entries)),
                ElementsAre(0, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1))
        << entries;
  }
}

TEST(LabelMask, GreyValuesAreNotScaled) {
  EXPECT_THAT(Decode(EncodeGreyPng(std::string("\0\1\12\377", 4), 2, 2)),
              ElementsAre(0, 1, 10, 255));
}

TEST(LabelMask, WhatIsNoMask) {
  EXPECT_THAT(WhyNot(EncodePng(GradientImage(4, 3))), HasSubstr("it holds colours"));
  EXPECT_THAT(WhyNot(EncodeRgbaPng(std::string(16, '\7'), 2, 2)), HasSubstr("it holds colours"));
  EXPECT_THAT(WhyNot(EncodeJpeg(GradientImage(4, 3))), HasSubstr("it is no PNG"));
  EXPECT_THAT(WhyNot(""), HasSubstr("it is no PNG"));
  const std::string good = EncodePalettePng(std::string(64 * 64, '\1'), 64, 64);
  EXPECT_THAT(WhyNot(good.substr(0, good.size() - 20)), HasSubstr("bad PNG data"));
  EXPECT_THAT(WhyNot(good.substr(0, 30)), HasSubstr("bad PNG header"));
  EXPECT_THAT(WhyNot(ClaimPngSize(good, 60000, 60000)), HasSubstr("60000"));
}

TEST(LabelMask, ReadMaskNamesTheFile) {
  const std::string path = NewFolder("mask") + "/a.png";
  WriteFile(path, EncodePng(GradientImage(4, 3)));
  EXPECT_THAT(std::string(ReadMask(path).status().message()),
              AllOf(HasSubstr("cannot decode"), HasSubstr("a.png"), HasSubstr("colours")));
  EXPECT_EQ(ReadMask(path + "x").status().code(), absl::StatusCode::kNotFound);
  WriteFile(path, EncodePalettePng("\1\2\3", 3, 1));
  const absl::StatusOr<LabelMask> mask = ReadMask(path);
  ASSERT_TRUE(mask.ok()) << mask.status();
  EXPECT_THAT(mask->classes, ElementsAre(1, 2, 3));
}

std::vector<uint8_t> Resized(const LabelMask& mask, const ImageArea& area, int width, int height,
                             bool flip) {
  std::vector<uint8_t> out(size_t{1} * width * height);
  ResizeMask(mask, area, width, height, flip, out.data());
  return out;
}

// As Pillow's Image.resize(size, NEAREST, box).
TEST(LabelMask, IsResizedToTheNearestPixel) {
  const LabelMask row = {5, 1, {0, 1, 2, 3, 4}};
  EXPECT_THAT(Resized(row, {0, 0, 5, 1}, 5, 1, false), ElementsAre(0, 1, 2, 3, 4));
  EXPECT_THAT(Resized(row, {0, 0, 5, 1}, 5, 1, true), ElementsAre(4, 3, 2, 1, 0));
  EXPECT_THAT(Resized(row, {0, 0, 5, 1}, 3, 1, false), ElementsAre(0, 2, 4));
  EXPECT_THAT(Resized(row, {0, 0, 5, 1}, 2, 2, false), ElementsAre(1, 3, 1, 3));
  EXPECT_THAT(Resized(row, {1, 0, 4, 1}, 6, 1, true), ElementsAre(3, 3, 2, 2, 1, 1));
  EXPECT_THAT(Resized(row, {0.5, 0, 4.5, 1}, 4, 1, false), ElementsAre(1, 2, 3, 4));
  const LabelMask column = {1, 4, {9, 8, 7, 6}};
  EXPECT_THAT(Resized(column, {0, 1, 1, 4}, 1, 3, true), ElementsAre(8, 7, 6));
}

TEST(WholePicture, IsShrunkUntilItFitsAndNeverGrows) {
  const auto placed = [](int width, int height) {
    const PlacedSize size = PlaceWhole(width, height, 240, 184);
    return std::make_pair(size.width, size.height);
  };
  EXPECT_EQ(placed(240, 180), std::make_pair(240, 180));
  EXPECT_EQ(placed(10, 20), std::make_pair(10, 20));
  EXPECT_EQ(placed(480, 360), std::make_pair(240, 180));
  EXPECT_EQ(placed(360, 368), std::make_pair(180, 184));
  EXPECT_EQ(placed(100000, 1), std::make_pair(240, 1));
}

TEST(WholePicture, StandsInTheUpperLeftCorner) {
  const Image picture = GradientImage(5, 3);
  BicubicResizer resizer;
  Image input;
  PlaceImage(picture, {0.5, 0.0, 1.0}, 7, 4, &resizer, &input);
  ASSERT_EQ(input.width, 7);
  ASSERT_EQ(input.height, 4);
  for (int y = 0; y < 4; ++y) {
    for (int x = 0; x < 7; ++x) {
      const uint8_t padding[] = {128, 0, 255};
      const uint8_t* expected = x < 5 && y < 3 ? picture.pixel(x, y) : padding;
      EXPECT_EQ(std::vector<uint8_t>(input.pixel(x, y), input.pixel(x, y) + 3),
                std::vector<uint8_t>(expected, expected + 3))
          << x << ", " << y;
    }
  }
  // One channel is deep.
  PlaceImage(picture, {0.25}, 7, 4, &resizer, &input);
  ASSERT_TRUE(input.is_deep());
  EXPECT_EQ(input.deep_row(0)[5], 16384);
  EXPECT_EQ(input.deep_row(3)[0], 16384);
  EXPECT_NE(input.deep_row(2)[4], 16384);
  std::vector<uint8_t> labels(8);
  PlaceMask({2, 1, {3, 4}}, 4, 2, labels.data());
  EXPECT_THAT(labels, ElementsAre(3, 4, 255, 255, 255, 255, 255, 255));
}

}  // namespace
}  // namespace models
