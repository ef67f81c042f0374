#include "tools/benchmark/host.h"

#include <time.h>

#include <cstring>
#include <memory>

#include "gtest/gtest.h"

namespace tools {
namespace {

TEST(Host, CpuHasAName) {
  EXPECT_FALSE(CpuName().empty());
  EXPECT_EQ(CpuName().find('\n'), std::string::npos);
}

TEST(Host, PeakStaysUntilItIsReset) {
  constexpr size_t kMib = 64;
  const double before = PeakResidentMib();
  ASSERT_GT(before, 0);
  {
    std::unique_ptr<char[]> block(new char[kMib << 20]);
    for (size_t i = 0; i < kMib << 20; i += 4096) block[i] = static_cast<char>(i >> 12);
    EXPECT_GE(PeakResidentMib(), kMib);
    volatile char used = block[4096];
    (void)used;
  }
  const double peak = PeakResidentMib();
  EXPECT_GE(peak, kMib) << "what is given back still counts";
  if (!ResetPeakResident()) GTEST_SKIP() << "this system does not let a peak be reset";
  EXPECT_LT(PeakResidentMib(), peak - kMib / 2);
}

TEST(Host, LaunchWasJustNow) {
  const double seconds = SecondsSinceLaunch();
  ASSERT_GT(seconds, 0);
  EXPECT_LT(seconds, 3600);
  timespec pause = {0, 30'000'000};  // more than a clock tick
  nanosleep(&pause, nullptr);
  EXPECT_GE(SecondsSinceLaunch(), seconds + 0.03);
}

}  // namespace
}  // namespace tools
