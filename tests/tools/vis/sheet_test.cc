// What the sheet shows, asked pixel by pixel.
#include "tools/vis/sheet.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/data/image_io.h"
#include "tools/vis/canvas.h"

namespace tools {
namespace {

using models::Image;
using models::PixelBox;
using ::testing::AllOf;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

int PixelAt(const Image& image, int x, int y) {
  const uint8_t* p = image.pixel(x, y);
  return p[0] << 16 | p[1] << 8 | p[2];
}

// The middle of the side of a cell, in the middle of its frame.
int LeftFrame(const Image& sheet, const SheetGeometry& g, const PixelBox& cell) {
  return PixelAt(sheet, cell.x + g.frame / 2, cell.y + cell.height / 2);
}
int Middle(const Image& sheet, const PixelBox& box) {
  return PixelAt(sheet, box.x + box.width / 2, box.y + box.height / 2);
}

// The colour of a patch in FlatPatches: none of the sheet's own.
int PatchColor(int cell) { return 0x103000 + cell * 0x000A04; }

// An image whose patches are each of one colour.
PositionAnswers FlatPatches(int grid_h, int grid_w, int patch) {
  PositionAnswers answers;
  answers.name = "flat.png";
  answers.patch_size = patch;
  answers.image = Image::Sized(grid_w * patch, grid_h * patch);
  for (int y = 0; y < grid_h * patch; ++y) {
    for (int x = 0; x < grid_w * patch; ++x) {
      const int color = PatchColor(y / patch * grid_w + x / patch);
      uint8_t* p = answers.image.pixel(x, y);
      p[0] = color >> 16, p[1] = color >> 8 & 255, p[2] = color & 255;
    }
  }
  return answers;
}

// Patches 0 (known), 1 (right), 2 (put to 7) of a 2x4 grid; others hidden.
PositionAnswers SmallExample() {
  PositionAnswers answers = FlatPatches(2, 4, 8);
  answers.patches = {{0, true, 0, 0}, {1, false, 1, 0.9f}, {2, false, 7, 0.5f}};
  return answers;
}

Image Drawn(const std::vector<PositionAnswers>& rows, const std::string& title = "title") {
  absl::StatusOr<Image> sheet = DrawSheet(title, rows);
  EXPECT_TRUE(sheet.ok()) << sheet.status();
  // For a person to look at.
  if (const char* folder = std::getenv("TEST_UNDECLARED_OUTPUTS_DIR")) {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    EXPECT_TRUE(
        models::WritePng(fs::path(folder) / (std::string(test->name()) + ".png"), *sheet).ok());
  }
  return *sheet;
}

TEST(Sheet, ShowsWhatTheModelGetsAndWhereItPutsIt) {
  const PositionAnswers example = SmallExample();
  const Image sheet = Drawn({example});
  const SheetGeometry g = PlanSheet(2, 4, 8);
  ASSERT_EQ(sheet.width, g.width);
  ASSERT_GT(sheet.height, g.first_panel_y + 2 * g.cell);
  const auto cell = [&](SheetColumn column, int i) { return g.Cell(0, column, i); };

  for (int i = 0; i < 8; ++i) {
    EXPECT_EQ(Middle(sheet, cell(SheetColumn::kImage, i)), PatchColor(i)) << i;
    const int seen = i < 3 ? PatchColor(i) : kHiddenColor;
    EXPECT_EQ(Middle(sheet, cell(SheetColumn::kInput, i)), seen) << i;
  }
  EXPECT_EQ(LeftFrame(sheet, g, cell(SheetColumn::kInput, 0)), PatchColor(0)) << "not marked";
  EXPECT_EQ(LeftFrame(sheet, g, cell(SheetColumn::kInput, 1)), kNoPositionColor);
  EXPECT_EQ(LeftFrame(sheet, g, cell(SheetColumn::kInput, 2)), kNoPositionColor);

  EXPECT_EQ(Middle(sheet, cell(SheetColumn::kAnswer, 1)), PatchColor(1));
  EXPECT_EQ(LeftFrame(sheet, g, cell(SheetColumn::kAnswer, 1)), kRightColor);
  EXPECT_EQ(Middle(sheet, cell(SheetColumn::kAnswer, 7)), PatchColor(2));
  EXPECT_EQ(LeftFrame(sheet, g, cell(SheetColumn::kAnswer, 7)), kWrongColor);
  EXPECT_EQ(Middle(sheet, cell(SheetColumn::kAnswer, 4)), kHiddenColor);
  // Known patches are there, paler, and without a frame.
  const int dimmed = Middle(sheet, cell(SheetColumn::kAnswer, 0));
  EXPECT_GT(dimmed >> 8 & 255, PatchColor(0) >> 8 & 255);
  EXPECT_EQ(LeftFrame(sheet, g, cell(SheetColumn::kAnswer, 0)), dimmed);
  // Patch 2 has left its own cell empty but for the arrow's tip.
  const PixelBox left = cell(SheetColumn::kAnswer, 2);
  EXPECT_EQ(PixelAt(sheet, left.x + left.width / 2, left.y + left.height / 5), kEmptyColor);
}

TEST(Sheet, ArrowLeadsFromThePredictedToTheTrueCell) {
  const Image sheet = Drawn({SmallExample()});
  const SheetGeometry g = PlanSheet(2, 4, 8);
  const PixelBox from = g.Cell(0, SheetColumn::kAnswer, 7), to = g.Cell(0, SheetColumn::kAnswer, 2);
  const double x0 = from.x + from.width / 2.0, y0 = from.y + from.height / 2.0;
  const double x1 = to.x + to.width / 2.0, y1 = to.y + to.height / 2.0;
  // Behind the edge of the predicted cell, to just before the tip.
  for (const double t : {0.55, 0.7, 0.9}) {
    EXPECT_EQ(
        PixelAt(sheet, static_cast<int>(x0 + t * (x1 - x0)), static_cast<int>(y0 + t * (y1 - y0))),
        kWrongColor)
        << t;
  }
  // Not on the patch, nor beyond the tip.
  for (const double t : {0.0, 0.3, 1.1}) {
    EXPECT_NE(
        PixelAt(sheet, static_cast<int>(x0 + t * (x1 - x0)), static_cast<int>(y0 + t * (y1 - y0))),
        kWrongColor)
        << t;
  }
}

// The number, white on a dark box, or on a blue one.
TEST(Sheet, SeveralPatchesInOneCell) {
  // No arrow crosses the places that are looked at.
  PositionAnswers answers = FlatPatches(3, 4, 8);
  answers.patches = {{1, false, 5, 0.2f}, {2, false, 5, 0.7f}, {3, false, 6, 0.3f},
                     {6, false, 6, 0.1f}, {8, false, 4, 0.1f}, {9, false, 5, 0.4f}};
  const Image sheet = Drawn({answers});
  const SheetGeometry g = PlanSheet(3, 4, 8);
  const PixelBox five = g.Cell(0, SheetColumn::kAnswer, 5);
  const PixelBox six = g.Cell(0, SheetColumn::kAnswer, 6);
  const PixelBox four = g.Cell(0, SheetColumn::kAnswer, 4);
  const auto corner = [&](const PixelBox& box) {
    return PixelAt(sheet, box.x + box.width - 1, box.y);
  };
  EXPECT_EQ(Middle(sheet, five), PatchColor(2)) << "the surest of three";
  EXPECT_EQ(LeftFrame(sheet, g, five), kWrongColor);
  EXPECT_NE(corner(five), kWrongColor) << "how many";
  EXPECT_NE(corner(five), kRightColor);
  EXPECT_EQ(Middle(sheet, six), PatchColor(3));
  EXPECT_EQ(LeftFrame(sheet, g, six), kWrongColor) << "of the one on top";
  EXPECT_EQ(corner(six), kRightColor) << "the right one lies below";
  EXPECT_EQ(corner(four), kWrongColor) << "one alone has no number";
}

TEST(Sheet, PutTogetherAreTheSeenPatchesWhereTheModelPutsThem) {
  PositionAnswers answers = SmallExample();
  answers.patches.push_back({3, false, 7, 0.4f});  // below 2
  answers.patches.push_back({5, false, 0, 0.4f});  // on a known one
  const Image sheet = Drawn({answers});
  const SheetGeometry g = PlanSheet(2, 4, 8);
  const int expected[] = {PatchColor(5), PatchColor(1), kHiddenColor, kHiddenColor,
                          kHiddenColor,  kHiddenColor,  kHiddenColor, PatchColor(2)};
  for (int i = 0; i < 8; ++i) {
    const PixelBox box = g.Cell(0, SheetColumn::kTogether, i);
    EXPECT_EQ(Middle(sheet, box), expected[i]) << i;
    EXPECT_EQ(LeftFrame(sheet, g, box), expected[i]) << i << " has no frame";
  }
}

// Width of the arrow that leads down the first column from its top, in orange pixels.
int ArrowWidth(const PositionAnswers& answers) {
  const Image sheet = Drawn({answers});
  const SheetGeometry g = PlanSheet(answers.grid_h(), answers.grid_w(), answers.patch_size);
  const PixelBox box = g.Cell(0, SheetColumn::kAnswer, 3 * g.grid_w);
  int orange = 0;
  for (int x = box.x + 2; x < box.x + box.width; ++x) {
    const uint8_t* p = sheet.pixel(x, box.y + box.height / 2);
    orange += p[0] > 190 && p[2] < 110;
  }
  return orange;
}

TEST(Sheet, ManyArrowsAreThinnerAndOnlyThePatchOnTopHasOne) {
  PositionAnswers one = FlatPatches(14, 14, 16);
  one.patches = {{13 * 14, false, 0, 0.5f}};
  PositionAnswers many = one, covered = one;
  for (int i = 1; i < 14; ++i) {
    many.patches.push_back({13 * 14 + i, false, i, 0.5f});
    covered.patches.push_back({13 * 14 + i, false, 0, 0.4f});
  }
  EXPECT_GT(ArrowWidth(one), 0);
  EXPECT_LT(ArrowWidth(many), ArrowWidth(one));
  EXPECT_EQ(ArrowWidth(covered), ArrowWidth(one));
  // No arrow ends in the own cell of a patch that is covered.
  const SheetGeometry g = PlanSheet(14, 14, 16);
  EXPECT_EQ(Middle(Drawn({covered}), g.Cell(0, SheetColumn::kAnswer, 13 * 14 + 9)), kEmptyColor);
}

TEST(Sheet, EqualConfidenceGoesByCell) {
  PositionAnswers answers = FlatPatches(2, 4, 8);
  answers.patches = {{1, false, 5, 0.25f}, {2, false, 5, 0.25f}};
  const SheetGeometry g = PlanSheet(2, 4, 8);
  EXPECT_EQ(Middle(Drawn({answers}), g.Cell(0, SheetColumn::kAnswer, 5)), PatchColor(1));
}

TEST(Sheet, OneRowAnImage) {
  PositionAnswers second = FlatPatches(2, 4, 8);
  second.patches = {{6, false, 6, 1.0f}};
  const Image one = Drawn({SmallExample()}), two = Drawn({SmallExample(), second});
  const SheetGeometry g = PlanSheet(2, 4, 8);
  EXPECT_EQ(two.width, one.width);
  EXPECT_EQ(two.height, one.height + g.row_height);
  EXPECT_EQ(LeftFrame(two, g, g.Cell(0, SheetColumn::kAnswer, 7)), kWrongColor);
  EXPECT_EQ(LeftFrame(two, g, g.Cell(1, SheetColumn::kAnswer, 6)), kRightColor);
  EXPECT_EQ(Middle(two, g.Cell(1, SheetColumn::kInput, 2)), kHiddenColor);
}

TEST(Sheet, SameAnswersSameBytes) {
  EXPECT_EQ(Drawn({SmallExample()}).rgb, Drawn({SmallExample()}).rgb);
  EXPECT_NE(Drawn({SmallExample()}).rgb, Drawn({SmallExample()}, "another").rgb);
}

// All that moved somewhere in a large grid with every patch visible.
TEST(Sheet, AllVisible) {
  PositionAnswers answers = FlatPatches(14, 14, 16);
  for (int i = 0; i < 196; ++i) answers.patches.push_back({i, i % 4 == 0, i * 37 % 196, 0.5f});
  const Image sheet = Drawn({answers});
  const SheetGeometry g = PlanSheet(14, 14, 16);
  EXPECT_EQ(g.cell, 32);
  for (const int i : {0, 97, 195}) {
    EXPECT_EQ(Middle(sheet, g.Cell(0, SheetColumn::kInput, i)), PatchColor(i));
  }
  EXPECT_EQ(LeftFrame(sheet, g, g.Cell(0, SheetColumn::kInput, 97)), kNoPositionColor);
}

TEST(Sheet, TallGrid) {
  PositionAnswers answers = FlatPatches(9, 2, 4);
  answers.patches = {{3, false, 16, 0.5f}, {17, false, 17, 0.5f}, {8, true, 0, 0}};
  const Image sheet = Drawn({answers, answers});
  const SheetGeometry g = PlanSheet(9, 2, 4);
  EXPECT_EQ(LeftFrame(sheet, g, g.Cell(1, SheetColumn::kAnswer, 16)), kWrongColor);
  EXPECT_EQ(LeftFrame(sheet, g, g.Cell(1, SheetColumn::kAnswer, 17)), kRightColor);
  EXPECT_EQ(Middle(sheet, g.Cell(1, SheetColumn::kInput, 8)), PatchColor(8));
}

// Panels and rows keep apart, cells are large enough to see, sheets fit a screen or two.
TEST(SheetGeometry, Sizes) {
  struct Grid {
    int h, w, patch;
  };
  for (const Grid grid : {Grid{14, 14, 16}, Grid{16, 16, 14}, Grid{8, 8, 8}, Grid{8, 8, 4},
                          Grid{7, 7, 32}, Grid{1, 1, 224}, Grid{2, 9, 4}, Grid{9, 2, 4},
                          Grid{24, 24, 16}, Grid{64, 64, 1}, Grid{256, 256, 16}}) {
    SCOPED_TRACE(absl::StrCat(grid.h, "x", grid.w, " patches of ", grid.patch));
    const SheetGeometry g = PlanSheet(grid.h, grid.w, grid.patch);
    EXPECT_GE(g.cell, std::max(grid.h, grid.w) <= 64 ? 24 : 8);
    if (std::max(grid.h, grid.w) <= 64) {
      EXPECT_EQ(g.cell % grid.patch, 0);
    }
    EXPECT_LE(g.width, 8700);
    const PixelBox image = g.Panel(0, SheetColumn::kImage);
    const PixelBox input = g.Panel(0, SheetColumn::kInput);
    const PixelBox answer = g.Panel(0, SheetColumn::kAnswer);
    EXPECT_EQ(image.width, grid.w * g.cell);
    EXPECT_EQ(image.height, grid.h * g.cell);
    EXPECT_LT(image.x + image.width, input.x);
    EXPECT_LT(input.x + input.width, answer.x);
    const PixelBox together = g.Panel(0, SheetColumn::kTogether);
    EXPECT_LT(answer.x + answer.width, together.x);
    EXPECT_EQ(together.width, answer.width);
    EXPECT_LT(together.x + together.width, g.width);
    EXPECT_LT(image.y + image.height + g.text, g.Panel(1, SheetColumn::kImage).y);
    const PixelBox last = g.Cell(0, SheetColumn::kAnswer, grid.h * grid.w - 1);
    EXPECT_EQ(last.x + last.width, answer.x + answer.width);
    EXPECT_EQ(last.y + last.height, answer.y + answer.height);
  }
}

TEST(Sheet, NamesOfAnyLengthAndBytes) {
  PositionAnswers answers = SmallExample();
  const Image plain = Drawn({answers});
  for (const std::string& name :
       {std::string(500, 'x'), std::string("b\xff\xfe\n.jpg"), std::string("Größe 写真.png"),
        std::string("\xed\xa0\x80 \xf4\x90\x80\x80 \xc3"), std::string("a\0b", 3), std::string()}) {
    answers.name = name;
    const absl::StatusOr<Image> sheet = DrawSheet(name, {answers});
    ASSERT_TRUE(sheet.ok()) << sheet.status();
    ASSERT_EQ(sheet->rgb.size(), plain.rgb.size());
    // The margin stays white.
    for (int y = 0; y < sheet->height; ++y) {
      ASSERT_EQ(PixelAt(*sheet, sheet->width - 2, y), 0xFFFFFF) << name << " at " << y;
    }
  }
}

TEST(Sheet, TooManyImagesAreRefused) {
  const std::vector<PositionAnswers> rows(100, SmallExample());
  const SheetGeometry g = PlanSheet(2, 4, 8);
  EXPECT_EQ(Drawn(rows).height, Drawn({rows[0]}).height + 99 * g.row_height);
  const std::vector<PositionAnswers> more(Canvas::kLargestSide / g.row_height + 1, SmallExample());
  const absl::StatusOr<Image> sheet = DrawSheet("", more);
  EXPECT_EQ(sheet.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(sheet.status().message()),
              AllOf(HasSubstr(std::to_string(more.size())), HasSubstr("fewer images")));
}

TEST(Sheet, ArrowsThatMeetOnOneLineAreTwo) {
  // In a row: 0 and 3 change places (one arrow each way), and 4 to 7 has its line to itself.
  PositionAnswers answers = FlatPatches(2, 4, 8);
  answers.patches = {{0, false, 3, 0.9f}, {3, false, 0, 0.5f}, {4, false, 7, 0.5f}};
  const SheetGeometry g = PlanSheet(2, 4, 8);
  const Image sheet = Drawn({answers});
  const auto arrows = [&](int cell) {
    const PixelBox box = g.Cell(0, SheetColumn::kAnswer, cell);
    int runs = 0;
    bool inside = false;
    for (int y = box.y + 2; y < box.y + box.height; ++y) {
      const uint8_t* p = sheet.pixel(box.x + box.width / 2, y);
      const bool orange = p[0] > 190 && p[2] < 110;
      runs += orange && !inside;
      inside = orange;
    }
    return runs;
  };
  EXPECT_EQ(arrows(1), 2);
  EXPECT_EQ(arrows(2), 2);
  EXPECT_EQ(arrows(5), 1);
}

TEST(Sheet, LegendSaysThatPositionsWereWrong) {
  const absl::StatusOr<Image> withheld = DrawSheet("title", {SmallExample()});
  const absl::StatusOr<Image> wrong = DrawSheet("title", {SmallExample()}, true);
  ASSERT_TRUE(withheld.ok() && wrong.ok());
  EXPECT_NE(withheld->rgb, wrong->rgb);
}

}  // namespace
}  // namespace tools
