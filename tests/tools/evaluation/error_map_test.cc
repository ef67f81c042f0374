// The picture of errors, asked pixel by pixel.
#include <cstdlib>
#include <filesystem>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/data/image_io.h"
#include "tools/evaluation/position_report.h"

namespace tools {
namespace {

using ::testing::ElementsAre;

PositionScores Scores(const std::vector<int64_t>& scored, const std::vector<int64_t>& wrong) {
  PositionScores scores;
  scores.cell_scored.assign(scored.begin(), scored.end());
  scores.cell_wrong.assign(wrong.begin(), wrong.end());
  return scores;
}

models::Image Drawn(const PositionScores& scores, const Grid& grid) {
  const auto map =
      DrawErrorMap(scores, grid, "droppos_tiny after step 600", "mask ratio 0.75, pos ratio 0.75");
  EXPECT_TRUE(map.ok()) << map.status();
  // For a person to look at.
  if (const char* folder = std::getenv("TEST_UNDECLARED_OUTPUTS_DIR")) {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    const auto path = std::filesystem::path(folder) / (std::string(test->name()) + ".png");
    EXPECT_TRUE(models::WritePng(path.string(), *map).ok());
  }
  return *map;
}

std::vector<int> Corner(const models::Image& map, const Grid& grid, int cell) {
  const models::PixelBox box = ErrorMapCell(grid, cell);
  const uint8_t* p = map.pixel(box.x + 1, box.y + 1);
  return {p[0], p[1], p[2]};
}

bool Flat(const models::Image& map, const models::PixelBox& box) {
  for (int y = box.y; y < box.y + box.height; ++y) {
    for (int x = box.x; x < box.x + box.width; ++x) {
      for (int c = 0; c < 3; ++c) {
        if (map.pixel(x, y)[c] != map.pixel(box.x, box.y)[c]) return false;
      }
    }
  }
  return true;
}

TEST(ErrorMap, HasOneScaleFrom0To100Percent) {
  const Grid grid{2, 3};
  const models::Image map = Drawn(Scores({4, 4, 4, 10, 3, 0}, {0, 2, 2, 6, 3, 0}), grid);
  EXPECT_THAT(Corner(map, grid, 0), ElementsAre(255, 247, 204));
  EXPECT_THAT(Corner(map, grid, 1), ElementsAre(253, 141, 60));
  EXPECT_EQ(Corner(map, grid, 1), Corner(map, grid, 2));
  EXPECT_THAT(Corner(map, grid, 4), ElementsAre(103, 0, 31));
  EXPECT_THAT(Corner(map, grid, 5), ElementsAre(160, 160, 160));
  // What others are does not change a cell's colour.
  const models::Image alone = Drawn(Scores({0, 4, 0, 0, 0, 0}, {0, 2, 0, 0, 0, 0}), grid);
  EXPECT_THAT(Corner(alone, grid, 1), ElementsAre(253, 141, 60));
}

TEST(ErrorMap, NumbersStandWhereThereIsRoom) {
  const Grid few{8, 8}, many{32, 32};
  const models::Image large =
      Drawn(Scores(std::vector<int64_t>(64, 4), std::vector<int64_t>(64, 3)), few);
  EXPECT_FALSE(Flat(large, ErrorMapCell(few, 9)));
  const models::Image small =
      Drawn(Scores(std::vector<int64_t>(1024, 4), std::vector<int64_t>(1024, 3)), many);
  EXPECT_TRUE(Flat(small, ErrorMapCell(many, 33)));
}

TEST(ErrorMap, HasATitleAndAScaleWithinThePicture) {
  const Grid grid{1, 40};
  const models::Image map =
      Drawn(Scores(std::vector<int64_t>(40, 1), std::vector<int64_t>(40, 1)), grid);
  const models::PixelBox first = ErrorMapCell(grid, 0), last = ErrorMapCell(grid, 39);
  EXPECT_LE(last.x + last.width, map.width);
  EXPECT_FALSE(Flat(map, {0, 0, map.width, first.y}));
  const int below = last.y + last.height;
  EXPECT_FALSE(Flat(map, {0, below, map.width, map.height - below}));
}

}  // namespace
}  // namespace tools
