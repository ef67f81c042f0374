#include "gtest/gtest.h"
#include "tools/vis/sheet.h"

namespace tools {
namespace {

// On a grid of 2 rows and 4 columns.
PositionAnswers Answers(std::vector<VisiblePatch> patches) {
  PositionAnswers answers;
  answers.image = models::Image::Sized(32, 16);
  answers.patch_size = 8;
  answers.patches = std::move(patches);
  return answers;
}

TEST(PositionAnswers, CountsThePatchesWithoutPosition) {
  // Right; from (0, 1) to (1, 3): distance sqrt(5); from (1, 2) to (1, 0): 2.
  const PositionAnswers answers =
      Answers({{0, false, 0, 1}, {1, false, 7, 1}, {3, true, 5, 1}, {6, false, 4, 1}});
  EXPECT_EQ(answers.grid_h(), 2);
  EXPECT_EQ(answers.grid_w(), 4);
  EXPECT_EQ(answers.asked(), 3);
  EXPECT_EQ(answers.right(), 1);
  EXPECT_NEAR(answers.mean_distance(), (2.2360680 + 2) / 3, 1e-6);
  EXPECT_EQ(answers.Summary(), "1 of 3 right, mean distance 1.4 cells");
}

TEST(PositionAnswers, NothingAsked) {
  const PositionAnswers answers = Answers({{3, true, 3, 1}});
  EXPECT_EQ(answers.asked(), 0);
  EXPECT_EQ(answers.right(), 0);
  EXPECT_EQ(answers.mean_distance(), 0);
}

}  // namespace
}  // namespace tools
