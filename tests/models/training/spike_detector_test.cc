#include "models/training/spike_detector.h"

#include <cmath>
#include <limits>

#include "gmock/gmock.h"
#include "graph/base/random.h"
#include "gtest/gtest.h"

namespace models {
namespace {

using ::testing::HasSubstr;

// The loss of step `i` of a run: falls, and is noisy.
double Loss(int i) {
  graph::RandomStream random(static_cast<uint64_t>(i), graph::Purpose::kNoise);
  return 4 * std::exp(-i / 400.0) + 0.05 * random.Normal() + 1;
}

TEST(SpikeDetector, NoiseAndFallingLossesAreNone) {
  SpikeDetector detector(8);
  for (int i = 0; i < 3000; ++i) EXPECT_EQ(detector.See(Loss(i)), "") << i;
  EXPECT_EQ(detector.window().size(), static_cast<size_t>(kSpikeWindow));
}

TEST(SpikeDetector, SaysHowFarAbove) {
  SpikeDetector detector(8);
  for (int i = 0; i < 50; ++i) {
    ASSERT_EQ(detector.See(i % 2 == 0 ? 1.5 : 2.5), "");
  }
  EXPECT_EQ(detector.See(8), "loss 8 is 12 deviations above 2, the mean of the last 50 steps");
}

TEST(SpikeDetector, TheLimitSaysItBefore) {
  SpikeDetector detector(8);
  for (int i = 0; i < 500; ++i) {
    const double loss = Loss(i) + (i % 97 == 96 ? 5 : 0), limit = detector.Limit();
    EXPECT_EQ(limit == std::numeric_limits<double>::infinity(), i < kSpikeWindow / 2) << i;
    EXPECT_EQ(loss > limit, !detector.See(loss).empty()) << i;
  }
}

TEST(SpikeDetector, OnlyWhatIsAboveCounts) {
  SpikeDetector detector(8);
  for (int i = 0; i < 100; ++i) detector.See(2 + 0.1 * (i % 3));
  EXPECT_EQ(detector.See(-50), "");
}

TEST(SpikeDetector, OneSpikeDoesNotHideTheNext) {
  SpikeDetector detector(8);
  for (int i = 0; i < 200; ++i) detector.See(Loss(i));
  EXPECT_NE(detector.See(1000), "");
  EXPECT_NE(detector.See(1000), "");
}

TEST(SpikeDetector, ASpikeEntersTheWindowAsTheLargestLossThatWouldBeNone) {
  SpikeDetector detector(8);
  for (int i = 0; i < 200; ++i) detector.See(Loss(i));
  const double limit = detector.Limit();
  ASSERT_NE(detector.See(1000), "");
  EXPECT_EQ(detector.window().back(), limit);
}

TEST(SpikeDetector, ALossThatStaysHighIsTheNewLevel) {
  SpikeDetector detector(8);
  for (int i = 0; i < 200; ++i) detector.See(Loss(i));
  int spikes = 0;
  for (int i = 200; i < 400; ++i) spikes += !detector.See(40 + Loss(i)).empty();
  EXPECT_GT(spikes, 0);
  EXPECT_LT(spikes, 30);
}

TEST(SpikeDetector, ALossThatStandsStillMakesNoSpikeOfATremor) {
  SpikeDetector detector(8);
  for (int i = 0; i < 100; ++i) detector.See(2);
  EXPECT_EQ(detector.See(2.1), "");
  EXPECT_NE(detector.See(2.5), "");
  SpikeDetector zero(8);
  for (int i = 0; i < 100; ++i) zero.See(0);
  EXPECT_EQ(zero.See(1e-6), "");
}

TEST(SpikeDetector, TheFirstLossesAreNever) {
  SpikeDetector detector(8);
  for (int i = 0; i < kSpikeWindow / 2; ++i) EXPECT_EQ(detector.See(i % 7 == 6 ? 1e9 : 1), "");
}

TEST(SpikeDetector, ZeroTurnsItOff) {
  SpikeDetector detector(0);
  for (int i = 0; i < 100; ++i) detector.See(1);
  EXPECT_EQ(detector.See(1e30), "");
}

TEST(SpikeDetector, WhatIsNotFiniteIsPassedOver) {
  SpikeDetector detector(8);
  for (const double loss : {1.0, std::numeric_limits<double>::infinity(), std::nan(""), 2.0}) {
    EXPECT_EQ(detector.See(loss), "");
  }
  EXPECT_EQ(detector.window(), (std::vector<double>{1, 2}));
  // Squares that overflow decide nothing, and leave a window that can be restored.
  SpikeDetector huge(8);
  for (int i = 0; i < 200; ++i) huge.See(i % 2 == 0 ? 1e300 : -1e300);
  EXPECT_EQ(huge.See(std::numeric_limits<double>::max()), "");
  EXPECT_TRUE(SpikeDetector(8).Restore(huge.State()).ok());
}

// At any step a restored detector goes on like the one that never stopped, through text.
TEST(SpikeDetector, AResumedRunDecidesTheSame) {
  const auto loss = [](int i) { return Loss(i) + (i % 97 == 96 ? 5 : 0); };
  for (const int stop : {0, 1, 49, 50, 99, 100, 193, 250}) {
    SpikeDetector whole(8), before(8), after(8);
    for (int i = 0; i < stop; ++i) EXPECT_EQ(whole.See(loss(i)), before.See(loss(i)));
    ASSERT_TRUE(after.Restore(before.State()).ok());
    for (int i = stop; i < stop + 300; ++i) ASSERT_EQ(whole.See(loss(i)), after.See(loss(i))) << i;
    EXPECT_EQ(whole.window(), after.window());
  }
}

TEST(SpikeDetector, AWindowThatCannotBeIsRefused) {
  SpikeDetector detector(8);
  detector.See(3);
  std::string many;
  for (int i = 0; i <= kSpikeWindow; ++i) many += "1 ";
  EXPECT_THAT(std::string(detector.Restore(many).message()), HasSubstr("101, more than"));
  for (const char* bad : {"nan", "1 inf", "1 2x", "1,2", "\xff"}) {
    EXPECT_THAT(std::string(detector.Restore(bad).message()), HasSubstr("no number")) << bad;
  }
  EXPECT_EQ(detector.window(), std::vector<double>{3});
  // The text is the file's, and may be long.
  EXPECT_LT(detector.Restore(std::string(2'000'000, 'x')).message().size(), 200u);
}

}  // namespace
}  // namespace models
