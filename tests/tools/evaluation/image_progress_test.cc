#include "tools/evaluation/image_progress.h"

#include <chrono>
#include <sstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace tools {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;

class ImageProgressTest : public ::testing::Test {
 protected:
  models::RunLog::Screen Screen(bool terminal) {
    models::RunLog::Screen screen;
    screen.out = &out_;
    screen.terminal = terminal;
    screen.columns = [] { return 100; };
    return screen;
  }
  std::string After(int seconds, int64_t images, ImageProgress* progress) {
    out_.str("");
    now_ += std::chrono::seconds(seconds);
    progress->Done(images);
    return out_.str();
  }

  std::ostringstream out_;
  ImageProgress::Time now_ = ImageProgress::Time(std::chrono::hours(1000));
};

TEST_F(ImageProgressTest, APipeGetsALineEveryHalfMinute) {
  models::RunLog log(Screen(false));
  ImageProgress progress(&log, Screen(false), 1000, [this] { return now_; });
  EXPECT_EQ(After(20, 100, &progress), "");
  EXPECT_EQ(After(20, 100, &progress), "200 of 1000 images  eta 0:02:40  5.00 images/s\n");
  EXPECT_EQ(After(20, 300, &progress), "");
  EXPECT_EQ(After(40, 400, &progress), "900 of 1000 images  eta 0:00:11  9.00 images/s\n");
  EXPECT_EQ(After(40, 100, &progress), "1000 of 1000 images  eta 0:00:00  7.14 images/s\n");
}

TEST_F(ImageProgressTest, ATerminalGetsABarThatIsTakenAway) {
  models::RunLog log(Screen(true));
  {
    ImageProgress progress(&log, Screen(true), 1000, [this] { return now_; });
    const std::string bar = After(40, 460, &progress);
    EXPECT_THAT(bar, AllOf(HasSubstr("46% [==="),
                           HasSubstr("460 of 1000 images  eta 0:00:47  11.5 images/s")));
    EXPECT_THAT(bar, testing::Not(HasSubstr("\n")));
    out_.str("");
  }
  EXPECT_THAT(out_.str(), EndsWith("\r\x1b[K"));
}

// A batch all of whose images were passed over.
TEST_F(ImageProgressTest, NothingDoneSaysNothing) {
  models::RunLog log(Screen(false));
  ImageProgress progress(&log, Screen(false), 10, [this] { return now_; });
  EXPECT_EQ(After(60, 0, &progress), "");
}

}  // namespace
}  // namespace tools
