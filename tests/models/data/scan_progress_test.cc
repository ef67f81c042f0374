#include "models/data/scan_progress.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace models {
namespace {

TEST(ScanProgress, ALineAfterTwoSecondsAndFourAndEight) {
  ScanProgress::Time now;
  std::vector<std::string> lines;
  ScanProgress progress(
      "/data", [&](const std::string& line) { lines.push_back(line); }, [&] { return now; });
  for (int file = 1; file <= 100; ++file) {  // ten a second
    now += std::chrono::milliseconds(100);
    progress.Seen();
    EXPECT_TRUE(file >= 20 || lines.empty()) << file;
  }
  EXPECT_THAT(lines, ::testing::ElementsAre("scanning /data: 20 files in 2 s so far",
                                            "scanning /data: 40 files in 4 s so far",
                                            "scanning /data: 80 files in 8 s so far"));
}

}  // namespace
}  // namespace models
