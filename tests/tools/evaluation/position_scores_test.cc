// Numbers of the position protocol against brute force, enumeration and simulation.
#include "tools/evaluation/position_scores.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace tools {
namespace {

using ::testing::DoubleNear;
using ::testing::HasSubstr;

constexpr Grid kGrids[] = {{1, 1}, {1, 7}, {2, 2}, {3, 5}, {8, 8}, {14, 14}, {9, 16}};

TEST(UniformGuessing, IsTheMeanOverAllPairsOfCells) {
  for (const Grid& grid : kGrids) {
    const int cells = grid.cells();
    double distance = 0, within = 0;
    for (int truth = 0; truth < cells; ++truth) {
      for (int guess = 0; guess < cells; ++guess) {
        const int dy = truth / grid.w - guess / grid.w, dx = truth % grid.w - guess % grid.w;
        distance += std::hypot(dy, dx);
        within += std::abs(dy) <= 1 && std::abs(dx) <= 1;
      }
    }
    const PositionNumbers chance = UniformGuessing(grid);
    EXPECT_DOUBLE_EQ(chance.top1, 1.0 / cells);
    EXPECT_DOUBLE_EQ(chance.top5, std::min(1.0, 5.0 / cells));
    EXPECT_NEAR(chance.distance, distance / cells / cells, 1e-12);
    EXPECT_NEAR(chance.within1, within / cells / cells, 1e-12);
  }
}

TEST(UniformGuessing, IsWhatRandomLogitsScore) {
  const Grid grid = {5, 7};
  std::mt19937 random(1);
  std::uniform_real_distribution<float> uniform;
  PositionCounter counter(grid);
  std::vector<float> logits(35 * 35);
  std::vector<int32_t> cells(35);
  std::iota(cells.begin(), cells.end(), 0);
  const std::vector<uint8_t> dropped(35, 1);
  for (int image = 0; image < 2000; ++image) {
    for (float& x : logits) x = uniform(random);
    ASSERT_TRUE(counter.Add(logits.data(), cells.data(), dropped.data(), 35).ok());
  }
  const PositionScores scores = counter.Scores();
  const PositionNumbers chance = UniformGuessing(grid);
  ASSERT_EQ(scores.scored, 70000);
  // Five standard deviations of a mean over 70,000 answers.
  const auto bound = [](double p) { return 5 * std::sqrt(p * (1 - p) / 70000); };
  EXPECT_NEAR(scores.mean.top1, chance.top1, bound(chance.top1));
  EXPECT_NEAR(scores.mean.top5, chance.top5, bound(chance.top5));
  EXPECT_NEAR(scores.mean.within1, chance.within1, bound(chance.within1));
  EXPECT_NEAR(scores.mean.distance, chance.distance, 5 * 1.7 / std::sqrt(70000));
  EXPECT_FALSE(scores.collapsed);
}

// The same numbers by sorting each row.
struct BruteForce {
  double scored = 0, top1 = 0, top5 = 0, distance = 0, within1 = 0;
  std::vector<int64_t> wrong, answers, asked;
};

void AddBruteForce(const Grid& grid, const std::vector<float>& logits,
                   const std::vector<int32_t>& cells, const std::vector<uint8_t>& dropped,
                   BruteForce* out) {
  const int n = grid.cells();
  for (size_t v = 0; v < cells.size(); ++v) {
    if (dropped[v] == 0) continue;
    std::vector<int> order(n);
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [&](int a, int b) { return logits[v * n + a] > logits[v * n + b]; });
    const int answer = order[0], truth = cells[v];
    const int dy = answer / grid.w - truth / grid.w, dx = answer % grid.w - truth % grid.w;
    out->scored += 1;
    out->top1 += answer == truth;
    out->top5 += std::find(order.begin(), order.begin() + std::min(5, n), truth) !=
                 order.begin() + std::min(5, n);
    out->distance += std::sqrt(dy * dy + dx * dx);
    out->within1 += std::abs(dy) <= 1 && std::abs(dx) <= 1;
    out->wrong[truth] += answer != truth;
    ++out->asked[truth];
    ++out->answers[answer];
  }
}

TEST(PositionCounter, AgreesWithSortingEveryRow) {
  std::mt19937 random(2);
  for (const Grid& grid : kGrids) {
    const int n = grid.cells();
    PositionCounter counter(grid);
    BruteForce want;
    want.wrong.resize(n);
    want.answers.resize(n);
    want.asked.resize(n);
    for (int image = 0; image < 20; ++image) {
      const size_t visible = 1 + random() % n;
      std::vector<int32_t> cells(n);
      std::iota(cells.begin(), cells.end(), 0);
      std::shuffle(cells.begin(), cells.end(), random);
      cells.resize(visible);
      std::vector<uint8_t> dropped(visible);
      for (uint8_t& d : dropped) d = random() % 3 != 0;
      // Few values, so that ties decide often.
      std::vector<float> logits(visible * n);
      for (float& x : logits) x = static_cast<float>(random() % 6) - 2.5f;
      ASSERT_TRUE(
          counter.Add(logits.data(), cells.data(), dropped.data(), static_cast<int64_t>(visible))
              .ok());
      AddBruteForce(grid, logits, cells, dropped, &want);
    }
    const PositionScores got = counter.Scores();
    ASSERT_EQ(got.scored, want.scored);
    ASSERT_GT(got.scored, 0);
    EXPECT_DOUBLE_EQ(got.mean.top1, want.top1 / want.scored);
    EXPECT_DOUBLE_EQ(got.mean.top5, want.top5 / want.scored);
    EXPECT_NEAR(got.mean.distance, want.distance / want.scored, 1e-12);
    EXPECT_DOUBLE_EQ(got.mean.within1, want.within1 / want.scored);
    EXPECT_EQ(got.cell_wrong, want.wrong);
    EXPECT_EQ(got.cell_scored, want.asked);
    EXPECT_EQ(got.cell_answers, want.answers);
    const auto top = std::max_element(want.answers.begin(), want.answers.end());
    EXPECT_EQ(got.top_cell, top - want.answers.begin());
    EXPECT_DOUBLE_EQ(got.top_share, *top / want.scored);
  }
}

TEST(PositionCounter, NothingDroppedScoresNothing) {
  PositionCounter counter({2, 2});
  const float logits[8] = {};
  const int32_t cells[2] = {1, 2};
  const uint8_t dropped[2] = {0, 0};
  ASSERT_TRUE(counter.Add(logits, cells, dropped, 2).ok());
  const PositionScores scores = counter.Scores();
  EXPECT_EQ(scores.scored, 0);
  EXPECT_EQ(scores.top_cell, -1);
  EXPECT_EQ(scores.mean.distance, 0);
  EXPECT_FALSE(scores.collapsed);
}

TEST(PositionCounter, RefusesWhatIsNotFiniteOrOffTheGrid) {
  const int32_t cells[1] = {1};
  const uint8_t dropped[1] = {1};
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    PositionCounter counter({2, 2});
    const float logits[4] = {0, 0, bad, 0};
    const absl::Status status = counter.Add(logits, cells, dropped, 1);
    EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange);
    EXPECT_THAT(std::string(status.message()), HasSubstr("not finite"));
    // A row that is not scored may hold anything.
    const uint8_t kept[1] = {0};
    EXPECT_TRUE(PositionCounter({2, 2}).Add(logits, cells, kept, 1).ok());
  }
  const float logits[4] = {};
  for (const int32_t off : {-1, 4}) {
    EXPECT_EQ(PositionCounter({2, 2}).Add(logits, &off, dropped, 1).code(),
              absl::StatusCode::kInvalidArgument);
  }
}

TEST(IsCollapsed, OneAnswerForEverythingIsOneFromAFewDozenOn) {
  for (const int cells : {2, 4, 16, 64, 196, 256, 1024}) {
    EXPECT_TRUE(IsCollapsed(50, 50, cells)) << cells;
    EXPECT_TRUE(IsCollapsed(24000, 24000, cells)) << cells;
    EXPECT_FALSE(IsCollapsed(1, 1, cells)) << cells;
    EXPECT_FALSE(IsCollapsed(3, 3, cells)) << cells;
  }
  EXPECT_FALSE(IsCollapsed(50, 50, 1));
  EXPECT_FALSE(IsCollapsed(0, 0, 64));
}

TEST(IsCollapsed, AsksForASharewellAboveTheFair) {
  // 8 / 64 = 12.5%; 10% from 80 cells on.
  EXPECT_FALSE(IsCollapsed(12500, 100000, 64));
  EXPECT_TRUE(IsCollapsed(13500, 100000, 64));
  EXPECT_FALSE(IsCollapsed(10000, 100000, 256));
  EXPECT_TRUE(IsCollapsed(11000, 100000, 256));
  EXPECT_FALSE(IsCollapsed(50000, 100000, 4));
  EXPECT_TRUE(IsCollapsed(52000, 100000, 4));
}

// The bound of the header, worked out: 1250 + 4 * 33.07 + 1 = 1383.3 of 10,000 answers on
// 64 cells, 5000 + 4 * 50 + 1 on 4.
TEST(IsCollapsed, FromFourDeviationsAndOneAnswerAboveTheShare) {
  EXPECT_FALSE(IsCollapsed(1383, 10000, 64));
  EXPECT_TRUE(IsCollapsed(1384, 10000, 64));
  EXPECT_FALSE(IsCollapsed(5201, 10000, 4));
  EXPECT_TRUE(IsCollapsed(5202, 10000, 4));
}

TEST(IsCollapsed, FairAnswersNeverRaiseIt) {
  std::mt19937 random(3);
  for (const int cells : {4, 16, 64, 196, 256}) {
    for (const int scored : {1, 2, 5, 12, 50, 500, 5000}) {
      for (int run = 0; run < 200; ++run) {
        std::vector<int64_t> counts(cells);
        for (int i = 0; i < scored; ++i) ++counts[random() % cells];
        EXPECT_FALSE(IsCollapsed(*std::max_element(counts.begin(), counts.end()), scored, cells))
            << scored << " of " << cells;
      }
    }
  }
}

}  // namespace
}  // namespace tools
