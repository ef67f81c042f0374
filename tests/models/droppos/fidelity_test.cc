// The differences that docs/fidelity.md claims between the official code and the
// paper, each by its numbers.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <vector>

#include "gtest/gtest.h"
#include "models/droppos/droppos.h"
#include "ops/droppos/position_targets.h"

namespace models {
namespace {

using ops::droppos::PositionTargets;
using ops::droppos::TargetNorm;

// A 14 x 14 patch grid of 224 px: the published map is 224 / 14 = 16 cells wide.
class OfficialMap : public ::testing::Test {
 protected:
  static constexpr int kSide = 14, kWide = 16, kPatches = kSide * kSide;
  static int Patch(int row, int col) { return row * kSide + col; }
  double Official(int i, int j) const { return official_[i * kWide * kWide + j]; }
  double Paper(int i, int j) const { return paper_[i * kPatches + j]; }

  const std::vector<double> paper_ = PositionTargets(kSide, kSide, 1.0);
  const std::vector<double> official_ = PositionTargets(kWide, kWide, 1.0, TargetNorm::kColumns);
};

TEST_F(OfficialMap, BelowIsNotBelow) {
  const int here = Patch(6, 6);
  // In the paper the patch below is as near as the one to the right: exp(-1).
  EXPECT_NEAR(Paper(here, Patch(7, 6)) / Paper(here, here), std::exp(-1.0), 1e-9);
  EXPECT_NEAR(Paper(here, Patch(6, 7)) / Paper(here, here), std::exp(-1.0), 1e-9);
  // Flat index + 14 is one row down and two columns left on a grid 16 wide.
  EXPECT_NEAR(Official(here, Patch(7, 6)) / Official(here, here), std::exp(-5.0), 1e-9);
  EXPECT_NEAR(Official(here, Patch(6, 7)) / Official(here, here), std::exp(-1.0), 1e-9);
  // What it takes for the patch below lies two columns to the right of it.
  EXPECT_NEAR(Official(here, Patch(7, 8)) / Official(here, here), std::exp(-1.0), 1e-9);
}

TEST_F(OfficialMap, NeighboursShareTheMassWithStrangers) {
  // Of the target outside the own cell, how much lies on the eight neighbours.
  double paper = 0, official = 0;
  for (int row = 1; row + 1 < kSide; ++row) {
    for (int col = 1; col + 1 < kSide; ++col) {
      const int i = Patch(row, col);
      double near_paper = 0, all_paper = 0, near_official = 0, all_official = 0;
      for (int j = 0; j < kPatches; ++j) {
        if (j == i) continue;
        const bool near = std::abs(j / kSide - row) <= 1 && std::abs(j % kSide - col) <= 1;
        all_paper += Paper(i, j);
        all_official += Official(i, j);
        near_paper += near * Paper(i, j);
        near_official += near * Official(i, j);
      }
      paper += near_paper / all_paper / 144;
      official += near_official / all_official / 144;
    }
  }
  EXPECT_NEAR(paper, 0.9445, 5e-5);
  EXPECT_NEAR(official, 0.4582, 5e-5);
}

TEST_F(OfficialMap, RowsDoNotSumToOne) {
  double least = 2, most = 0;
  for (int i = 0; i < kPatches; ++i) {
    double paper = 0, official = 0;
    for (int j = 0; j < kPatches; ++j) {
      paper += Paper(i, j);
      official += Official(i, j);
    }
    EXPECT_NEAR(paper, 1.0, 1e-9);
    least = std::min(least, official);
    most = std::max(most, official);
  }
  EXPECT_NEAR(least, 0.6592, 5e-5);
  EXPECT_NEAR(most, 1.1096, 5e-5);
}

// --token_size counts patches, but the script divides by it: with the default 14 a
// ViT-H/14, whose grid is 16 x 16, gets its 224 / 14 = 16 by accident; with its own
// count, 16, it would get 14 x 14 cells for 256 patches.
TEST(OfficialTokenSize, IsRightForHugeByAccident) {
  ModelConfig huge;
  huge.patch_size = 14;
  huge.embed_dim = 1280;
  huge.num_heads = 16;
  DropPosConfig config;
  config.smooth_grid = "official";
  EXPECT_EQ(huge.input_h / config.token_size, huge.grid_h());
  EXPECT_TRUE(Validate(huge, config).ok());
  config.token_size = huge.grid_h();
  EXPECT_FALSE(Validate(huge, config).ok());
}

}  // namespace
}  // namespace models
