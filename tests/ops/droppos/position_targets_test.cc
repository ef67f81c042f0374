#include "ops/droppos/position_targets.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <vector>

#include "gtest/gtest.h"
#include "tests/ops/droppos/golden_excerpt.h"

namespace ops::droppos {
namespace {

// exp(-d²/σ²) over the grid, normalised, with no use of separability.
std::vector<double> Direct(int64_t h, int64_t w, double sigma) {
  const int64_t n = h * w;
  std::vector<double> map(n * n);
  for (int64_t i = 0; i < n; ++i) {
    double sum = 0;
    for (int64_t j = 0; j < n; ++j) {
      const double dy = i / w - j / w, dx = i % w - j % w;
      sum += map[i * n + j] = std::exp(-(dy * dy + dx * dx) / (sigma * sigma));
    }
    for (int64_t j = 0; j < n; ++j) map[i * n + j] /= sum;
  }
  return map;
}

// The loops of the published script for `patches` cells, a square number; its
// `weight / weight.sum(-1)` divides column j by the sum of row j.
std::vector<double> Published(int64_t patches, double sigma) {
  std::vector<double> weight(patches * patches), sum(patches);
  const auto w = static_cast<int64_t>(std::sqrt(static_cast<double>(patches)));
  for (int64_t i = 0; i < patches; ++i) {
    const int64_t x_i = i / w, y_i = i % w;
    for (int64_t j = 0; j < patches; ++j) {
      const int64_t x_j = j / w, y_j = j % w;
      const auto dist = static_cast<double>((x_i - x_j) * (x_i - x_j) + (y_i - y_j) * (y_i - y_j));
      weight[i * patches + j] = sigma == 0 ? i == j : std::exp(-dist / (sigma * sigma));
      sum[i] += weight[i * patches + j];
    }
  }
  for (int64_t i = 0; i < patches; ++i) {
    for (int64_t j = 0; j < patches; ++j) weight[i * patches + j] /= sum[j];
  }
  return weight;
}

const int64_t kGrids[][2] = {{1, 1}, {1, 7}, {4, 4}, {3, 5}, {8, 2}, {14, 14}};

TEST(PositionTargets, EqualTheDirectFormula) {
  for (const auto& grid : kGrids) {
    for (double sigma : {0.3, 0.5, 1.0, 2.0, 10.0}) {
      const auto map = PositionTargets(grid[0], grid[1], sigma);
      const auto direct = Direct(grid[0], grid[1], sigma);
      ASSERT_EQ(map.size(), direct.size());
      for (size_t i = 0; i < map.size(); ++i) ASSERT_NEAR(map[i], direct[i], 1e-14);
    }
  }
}

TEST(PositionTargets, RowsSumToOneAndTheGridsSymmetriesHold) {
  for (const auto& grid : kGrids) {
    const int64_t h = grid[0], w = grid[1], n = h * w;
    for (double sigma : {0.0, 1e-3, 0.7, 1.0, 5.0}) {
      const auto map = PositionTargets(h, w, sigma);
      for (int64_t i = 0; i < n; ++i) {
        double sum = 0;
        for (int64_t j = 0; j < n; ++j) {
          sum += map[i * n + j];
          // Rotated by 180 degrees.
          EXPECT_NEAR(map[i * n + j], map[(n - 1 - i) * n + n - 1 - j], 1e-15);
          // Mirrored left to right.
          const int64_t mi = i / w * w + w - 1 - i % w, mj = j / w * w + w - 1 - j % w;
          EXPECT_NEAR(map[i * n + j], map[mi * n + mj], 1e-15);
          EXPECT_LE(map[i * n + j], map[i * n + i]);
        }
        EXPECT_NEAR(sum, 1, 1e-14);
      }
    }
  }
}

TEST(PositionTargets, ColumnsEqualThePublishedLoops) {
  for (int64_t side : {1, 2, 4, 7, 14, 16}) {
    for (double sigma : {0.0, 0.3, 0.5, 1.0, 2.0, 10.0}) {
      const auto map = PositionTargets(side, side, sigma, TargetNorm::kColumns);
      const auto published = Published(side * side, sigma);
      ASSERT_EQ(map.size(), published.size());
      for (size_t i = 0; i < map.size(); ++i) ASSERT_NEAR(map[i], published[i], 1e-14);
    }
  }
}

// exp(-d²/σ²) is symmetric, so one map is the other transposed.
TEST(PositionTargets, ColumnsAreTheRowsTransposed) {
  for (const auto& grid : kGrids) {
    const int64_t n = grid[0] * grid[1];
    for (double sigma : {0.0, 1e-200, 0.7, 2.0, std::numeric_limits<double>::infinity()}) {
      const auto rows = PositionTargets(grid[0], grid[1], sigma, TargetNorm::kRows);
      const auto columns = PositionTargets(grid[0], grid[1], sigma, TargetNorm::kColumns);
      EXPECT_EQ(rows, PositionTargets(grid[0], grid[1], sigma));
      double worst = 0;  // how far a row of the columns' map is from summing to 1
      for (int64_t i = 0; i < n; ++i) {
        double sum = 0;
        for (int64_t j = 0; j < n; ++j) {
          EXPECT_NEAR(columns[i * n + j], rows[j * n + i], 1e-15);
          sum += columns[i * n + j];
        }
        worst = std::max(worst, std::abs(sum - 1));
      }
      // Grids this small have no inner cells, and then no cell differs from another.
      const bool alike = sigma < 1e-100 || std::isinf(sigma) || (grid[0] <= 2 && grid[1] <= 2);
      EXPECT_EQ(worst < 1e-9, alike) << grid[0] << " x " << grid[1] << ", sigma " << sigma;
    }
  }
}

TEST(PositionTargets, GoldenRows) {
  const auto map = PositionTargets(4, 4, 1);
  const std::vector<double> golden = harness::GoldenTargets();
  ASSERT_EQ(golden.size(), 32u);
  for (size_t i = 0; i < golden.size(); ++i) EXPECT_NEAR(map[i], golden[i], 1e-7);
}

TEST(PositionTargets, GoldenRowsOfThePublishedMap) {
  const auto map = PositionTargets(8, 8, 1, TargetNorm::kColumns);
  const std::vector<double> golden = harness::GoldenOfficialTargets();
  ASSERT_EQ(golden.size(), 32u);
  for (int i = 0; i < 16; ++i) {
    EXPECT_NEAR(map[i], golden[i], 1e-7);
    EXPECT_NEAR(map[9 * 64 + i], golden[16 + i], 1e-7);
  }
}

// The shares quoted for the published setting: on the true cell, and 1, 2 and at
// least 3 steps (rows plus columns) away, averaged over the cells.
TEST(PositionTargets, SharesOnAGridOf14) {
  const auto map = PositionTargets(14, 14, 1);
  double share[4] = {};
  for (int64_t i = 0; i < 196; ++i) {
    for (int64_t j = 0; j < 196; ++j) {
      const int64_t steps = std::abs(i / 14 - j / 14) + std::abs(i % 14 - j % 14);
      share[std::min<int64_t>(steps, 3)] += map[i * 196 + j] / 196;
    }
  }
  EXPECT_NEAR(share[0], 0.347, 2e-3);
  EXPECT_NEAR(share[1], 0.463, 2e-3);
  EXPECT_NEAR(share[2], 0.175, 2e-3);
  EXPECT_NEAR(share[3], 0.015, 2e-3);
}

TEST(PositionTargets, ExtremeSigmas) {
  const double tiny = std::numeric_limits<double>::denorm_min();
  for (double sigma : {0.0, tiny, 1e-200, 1e-30, 1e-3}) {
    const auto map = PositionTargets(3, 4, sigma);
    for (int64_t i = 0; i < 12; ++i) {
      for (int64_t j = 0; j < 12; ++j) EXPECT_EQ(map[i * 12 + j], i == j ? 1.0 : 0.0) << sigma;
    }
  }
  for (double sigma : {1e200, std::numeric_limits<double>::infinity()}) {
    for (double t : PositionTargets(3, 4, sigma)) EXPECT_NEAR(t, 1.0 / 12, 1e-16);
  }
}

}  // namespace
}  // namespace ops::droppos
