#include "tools/vis/batch_sheet.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/data/image.h"
#include "tools/vis/canvas.h"

namespace tools {
namespace {

using models::Image;

// Of one colour, but for its first pixel.
BatchPicture Flat(uint8_t value, int width, int height) {
  BatchPicture picture = {Image::Sized(width, height), "picture", {}};
  std::fill(picture.image.rgb.begin(), picture.image.rgb.end(), value);
  std::fill_n(picture.image.rgb.begin(), 3, static_cast<uint8_t>(value + 40));
  return picture;
}

// Whether anything is written in the rectangle.
bool HasInk(const Image& sheet, int x0, int y0, int x1, int y1) {
  for (int y = y0; y < y1; ++y) {
    for (int x = x0; x < x1; ++x) {
      if (sheet.pixel(x, y)[0] < 100) return true;
    }
  }
  return false;
}

// The first row from `y` on whose pixel in column `x` has this value.
int Find(const Image& sheet, int x, int y, uint8_t value) {
  while (y < sheet.height && sheet.pixel(x, y)[0] != value) ++y;
  return y;
}

TEST(BatchSheet, PixelsAreSquaresAndWordsStandBelow) {
  std::vector<BatchPicture> pictures;
  for (int i = 0; i < 4; ++i) pictures.push_back(Flat(static_cast<uint8_t>(120 + 10 * i), 32, 24));
  const auto sheet = DrawBatchSheet({"title"}, pictures);
  ASSERT_TRUE(sheet.ok()) << sheet.status();
  const BatchSheetGeometry g = PlanBatchSheet(4, 32, 24);
  EXPECT_EQ(g.scale, 6);
  int top = 0;
  for (int i = 0; i < 4; ++i) {
    const uint8_t value = static_cast<uint8_t>(120 + 10 * i);
    if (i % g.columns == 0) top = Find(*sheet, g.cell_x(i), top, value + 40);
    ASSERT_LT(top, sheet->height) << i;
    EXPECT_EQ(sheet->pixel(g.cell_x(i) + 5, top + 5)[0], value + 40) << "the first pixel";
    EXPECT_EQ(sheet->pixel(g.cell_x(i) + 6, top)[0], value);
    EXPECT_EQ(sheet->pixel(g.cell_x(i) + 32 * 6 - 1, top + 24 * 6 - 1)[0], value);
    EXPECT_TRUE(HasInk(*sheet, g.cell_x(i), top + 24 * 6 + 1, g.cell_x(i) + 60, top + 24 * 6 + 16));
  }
}

TEST(BatchSheet, RowsMakeRoomForTheirWords) {
  std::vector<BatchPicture> pictures = {Flat(150, 200, 100)};
  const auto bare = DrawBatchSheet({"title"}, pictures);
  pictures[0].phrases = {"a phrase that fills more than half of the width",
                         "a second one that does not fit beside it", "short", "short"};
  const auto worded = DrawBatchSheet({"title"}, pictures);
  ASSERT_TRUE(bare.ok() && worded.ok());
  EXPECT_EQ(worded->width, bare->width);
  const int more = worded->height - bare->height;
  EXPECT_GE(more, 2 * 12) << "two lines of text at least";
  EXPECT_LE(more, 3 * 16);
}

TEST(BatchSheet, ALineOfManyPicturesBecomesAPage) {
  const BatchSheetGeometry g = PlanBatchSheet(24, 224, 224);
  EXPECT_EQ(g.scale, 1);
  EXPECT_GE(g.columns, 5);
  EXPECT_LE(g.columns, 8);
  EXPECT_EQ(PlanBatchSheet(1, 224, 224).columns, 1);
}

TEST(BatchSheet, WhatNoPictureCanHoldIsRefused) {
  const auto sheet = DrawBatchSheet({"title"}, std::vector<BatchPicture>(2000, Flat(9, 600, 600)));
  ASSERT_FALSE(sheet.ok());
  EXPECT_THAT(std::string(sheet.status().message()),
              ::testing::HasSubstr("a page of 2000 pictures of 600x600"));
}

}  // namespace
}  // namespace tools
