#include "tools/curves/ticks.h"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace tools {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> Labels(const std::vector<Tick>& ticks) {
  std::vector<std::string> labels;
  for (const Tick& tick : ticks) labels.push_back(tick.label);
  return labels;
}

TEST(Ticks, RoundNumbersWithinTheRange) {
  EXPECT_THAT(Labels(LinearTicks(0, 20, 5, false)), ElementsAre("0", "5", "10", "15", "20"));
  EXPECT_THAT(Labels(LinearTicks(0, 0.3, 5, false)), ElementsAre("0", "0.1", "0.2", "0.3"));
  EXPECT_THAT(Labels(LinearTicks(3.41, 4.83, 5, false)), ElementsAre("3.5", "4.0", "4.5"));
  EXPECT_THAT(Labels(LinearTicks(0, 1.6e-3, 5, false)), ElementsAre("0", "5e-4", "1e-3", "1.5e-3"));
  EXPECT_THAT(Labels(LinearTicks(0, 250000, 5, false)),
              ElementsAre("0", "50k", "100k", "150k", "200k", "250k"));
  EXPECT_THAT(Labels(LinearTicks(0, 2.5e6, 5, false)),
              ElementsAre("0", "0.5M", "1.0M", "1.5M", "2.0M", "2.5M"));
  EXPECT_THAT(Labels(LinearTicks(0, 0.06, 5, true)), ElementsAre("0%", "2%", "4%", "6%"));
  EXPECT_THAT(Labels(LinearTicks(0.9, 0.91, 5, true)),
              ElementsAre("90.0%", "90.2%", "90.4%", "90.6%", "90.8%", "91.0%"));
  EXPECT_THAT(Labels(LinearTicks(-1, 1, 5, false)), ElementsAre("-1.0", "-0.5", "0", "0.5", "1.0"));
}

TEST(Ticks, AnyRangeHasAFew) {
  for (double low : {-3.7, 0.0, 1e-9, 0.123, 5.0, 1e7}) {
    for (double width : {1e-6, 0.01, 0.37, 1.0, 9.99, 1234.5, 1e9}) {
      const std::vector<Tick> ticks = LinearTicks(low, low + width, 5, false);
      ASSERT_GE(ticks.size(), 2u) << low << " " << width;
      ASSERT_LE(ticks.size(), 10u) << low << " " << width;
      for (const Tick& tick : ticks) {
        EXPECT_GE(tick.value, low - 1e-8 * width);
        EXPECT_LE(tick.value, low + width * (1 + 1e-8));
      }
    }
  }
}

TEST(Ticks, NoRangeHasNone) {
  const double nan = std::nan(""), inf = std::numeric_limits<double>::infinity();
  EXPECT_THAT(LinearTicks(1, 1, 5, false), IsEmpty());
  EXPECT_THAT(LinearTicks(2, 1, 5, false), IsEmpty());
  EXPECT_THAT(LinearTicks(nan, 1, 5, false), IsEmpty());
  EXPECT_THAT(LinearTicks(0, inf, 5, false), IsEmpty());
  EXPECT_THAT(LogTicks(0, 1, false), IsEmpty());
  EXPECT_THAT(LogTicks(nan, 1, false), IsEmpty());
}

TEST(Ticks, Logarithmic) {
  EXPECT_THAT(Labels(LogTicks(0.1, 1000, false)), ElementsAre("0.100", "1", "10", "100", "1000"));
  EXPECT_THAT(Labels(LogTicks(0.9, 30, false)), ElementsAre("1", "2", "5", "10", "20"));
  const std::vector<Tick> far = LogTicks(1e-12, 1, false);
  EXPECT_EQ(far.size(), 13u);
  EXPECT_EQ(far[1].label, "") << "numbers would overlap";
}

TEST(Ticks, NumbersToRead) {
  EXPECT_EQ(ShortNumber(0.0282, true), "2.82%");
  EXPECT_EQ(ShortNumber(0.029, true), "2.90%");
  EXPECT_EQ(ShortNumber(0.5, true), "50.0%");
  EXPECT_EQ(ShortNumber(1, true), "100%");
  EXPECT_EQ(ShortNumber(0, true), "0%");
  EXPECT_EQ(ShortNumber(3.4149, false), "3.41");
  EXPECT_EQ(ShortNumber(3.6, false), "3.60");
  EXPECT_EQ(ShortNumber(20, false), "20");
  EXPECT_EQ(ShortNumber(0.3, false), "0.300");
  EXPECT_EQ(ShortNumber(0.00118, false), "1.2e-3");
  EXPECT_EQ(ShortNumber(7.5e-9, false), "7.5e-9");
  EXPECT_EQ(ShortNumber(9.96e-5, false), "1e-4");
  EXPECT_EQ(ShortNumber(746.7, false), "747");
  EXPECT_EQ(ShortNumber(15312, false), "15.3k");
  EXPECT_EQ(ShortNumber(1234567, false), "1.23M");
  EXPECT_EQ(ShortNumber(-2.5, false), "-2.50");
  EXPECT_EQ(ShortNumber(0, false), "0");
  EXPECT_EQ(ShortNumber(std::nan(""), false), "-");
}

}  // namespace
}  // namespace tools
