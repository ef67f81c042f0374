#include "models/training/watchdog.h"

#include <atomic>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace models {
namespace {

using std::chrono::steady_clock;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Images whose loading can be held up.
class GatedImages : public Dataset {
 public:
  int64_t size() const override { return 8; }
  uint64_t image_id(int64_t i) const override { return static_cast<uint64_t>(i); }
  std::string name(int64_t i) const override { return absl::StrCat("photo ", i, ".jpg"); }
  int label(int64_t) const override { return -1; }
  int num_classes() const override { return 0; }
  std::string description() const override { return "gated"; }
  absl::StatusOr<Image> Load(int64_t) const override {
    std::unique_lock<std::mutex> lock(mu_);
    changed_.wait(lock, [this] { return open_; });
    Image image;
    image.width = image.height = 8;
    image.rgb.assign(8 * 8 * 3, 7);
    return image;
  }
  void Set(bool open) {
    const std::lock_guard<std::mutex> lock(mu_);
    open_ = open;
    changed_.notify_all();
  }

 private:
  mutable std::mutex mu_;
  mutable std::condition_variable changed_;
  bool open_ = true;
};

// With a clock that the test moves.
class WatchdogTest : public ::testing::Test {
 protected:
  std::unique_ptr<Watchdog> Make(double limit) {
    WatchdogOptions options;
    options.limit_seconds = limit;
    options.say = [this](const std::string& line) { lines_.push_back(line); };
    options.now = [this] { return now_; };
    return std::make_unique<Watchdog>(std::move(options));
  }
  // Moves the clock as a thread that looks each half second sees it.
  void Pass(Watchdog* watchdog, double seconds) {
    for (int i = 0; i < static_cast<int>(2 * seconds); ++i) {
      now_ += std::chrono::milliseconds(500);
      watchdog->Check();
    }
  }
  std::vector<std::string> Lines() {
    std::vector<std::string> lines;
    lines.swap(lines_);
    return lines;
  }

  steady_clock::time_point now_ = steady_clock::time_point(std::chrono::hours(1));
  std::vector<std::string> lines_;
  GatedImages images_;
};

TEST_F(WatchdogTest, AStepThatStandsStillIsNamedWithWhatIsUsual) {
  const auto watchdog = Make(300);
  for (int step = 1; step < 123; ++step) {
    watchdog->WaitForImages();
    Pass(watchdog.get(), 0.5);
    watchdog->ComputeStep(step);
    Pass(watchdog.get(), step == 60 ? 290 : 2);  // one slow step is not usual
  }
  watchdog->ComputeStep(123);
  EXPECT_THAT(Lines(), IsEmpty());
  Pass(watchdog.get(), 299.5);
  EXPECT_THAT(Lines(), IsEmpty());
  Pass(watchdog.get(), 0.5);
  EXPECT_THAT(Lines(),
              ElementsAre("watchdog: step 123 has been computing for 300 s (usual: 2.0 s)"));
}

TEST_F(WatchdogTest, LinesComeAfterTwiceTheTimeAndOneSaysThatItWentOn) {
  const auto watchdog = Make(10);
  watchdog->ComputeStep(1);
  Pass(watchdog.get(), 100);
  EXPECT_THAT(Lines(), ElementsAre("watchdog: step 1 has been computing for 10 s",
                                   "watchdog: step 1 has been computing for 20 s",
                                   "watchdog: step 1 has been computing for 40 s",
                                   "watchdog: step 1 has been computing for 80 s"));
  watchdog->WaitForImages();
  EXPECT_THAT(Lines(), ElementsAre("watchdog: went on after 100 s"));
  Pass(watchdog.get(), 9);
  watchdog->ComputeStep(2);
  EXPECT_THAT(Lines(), IsEmpty());
  Pass(watchdog.get(), 10);  // from the beginning again
  EXPECT_THAT(Lines(), ElementsAre(HasSubstr("step 2 has been computing for 10 s")));
}

TEST_F(WatchdogTest, NamesTheImageThatIsWaitedFor) {
  const auto watchdog = Make(10);
  LoaderObserver* loader = watchdog->Observe(&images_, nullptr);
  watchdog->WaitForImages();
  Pass(watchdog.get(), 10);
  EXPECT_THAT(Lines(), ElementsAre("watchdog: waiting for images for 10 s (no thread of the loader "
                                   "is at work)"));
  Pass(watchdog.get(), 1);
  loader->Begins(1, LoaderWork::kDecode, 5);
  Pass(watchdog.get(), 1);
  loader->Begins(0, LoaderWork::kCrop, 4);
  Pass(watchdog.get(), 8);
  EXPECT_THAT(Lines(), ElementsAre("watchdog: waiting for images for 20 s (worker 1 has been "
                                   "decoding photo 5.jpg for 9.0 s)"));
  loader->Worked(1, LoaderWork::kDecode, 5, {}, {});
  EXPECT_THAT(Lines(), ElementsAre("watchdog: went on after 20 s"));
  Pass(watchdog.get(), 10);
  EXPECT_THAT(Lines(), ElementsAre(HasSubstr("worker 0 has been cropping photo 4.jpg for 18 s")));
}

TEST_F(WatchdogTest, ASlowDiskIsNotAStall) {
  const auto watchdog = Make(10);
  LoaderObserver* loader = watchdog->Observe(&images_, nullptr);
  watchdog->WaitForImages();
  for (int i = 0; i < 8; ++i) {
    loader->Begins(0, LoaderWork::kDecode, i);
    Pass(watchdog.get(), 9);
    loader->Worked(0, LoaderWork::kDecode, i, {}, {});
  }
  EXPECT_THAT(Lines(), IsEmpty());
  // But images that are loaded ahead do not excuse a step.
  watchdog->ComputeStep(1);
  for (int i = 0; i < 8; ++i) {
    loader->Begins(0, LoaderWork::kDecode, i);
    Pass(watchdog.get(), 3);
    loader->Worked(0, LoaderWork::kDecode, i, {}, {});
  }
  EXPECT_THAT(Lines(), ElementsAre(HasSubstr("step 1"), HasSubstr("step 1")));
}

TEST_F(WatchdogTest, OtherWorkIsNamedAndRestIsNot) {
  const auto watchdog = Make(10);
  watchdog->Do("evaluating held-out images");
  LoaderObserver* loader = watchdog->Observe(&images_, nullptr);
  Pass(watchdog.get(), 9);
  loader->Begins(0, LoaderWork::kDecode, 2);
  loader->Worked(0, LoaderWork::kDecode, 2, {}, {});
  Pass(watchdog.get(), 9.5);
  EXPECT_THAT(Lines(), IsEmpty());
  Pass(watchdog.get(), 0.5);
  EXPECT_THAT(Lines(),
              ElementsAre("watchdog: evaluating held-out images without progress for 10 s"));
  watchdog->Rest();
  EXPECT_THAT(Lines(), ElementsAre("watchdog: went on after 10 s"));
  Pass(watchdog.get(), 1000);
  EXPECT_THAT(Lines(), IsEmpty());
}

TEST_F(WatchdogTest, TimeInWhichTheProcessStoodDoesNotCount) {
  const auto watchdog = Make(10);
  watchdog->ComputeStep(1);
  Pass(watchdog.get(), 5);
  now_ += std::chrono::hours(8);
  watchdog->Check();
  Pass(watchdog.get(), 4.5);
  EXPECT_THAT(Lines(), IsEmpty());
  // Whoever looks first after it.
  now_ += std::chrono::hours(8);
  watchdog->ComputeStep(2);
  Pass(watchdog.get(), 10);
  EXPECT_THAT(Lines(), ElementsAre("watchdog: step 2 has been computing for 10 s (usual: 9.5 s)"));
}

TEST_F(WatchdogTest, ZeroTurnsItOff) {
  const auto watchdog = Make(0);
  watchdog->ComputeStep(1);
  Pass(watchdog.get(), 1000);
  watchdog->Rest();
  EXPECT_THAT(Lines(), IsEmpty());
}

// Who listened before hears the same as without a watchdog.
TEST_F(WatchdogTest, ALoadersOtherObserverHearsWhatItWouldHave) {
  class Next : public LoaderObserver {
   public:
    bool Watching() const override { return watching; }
    void Worked(int worker, LoaderWork, int64_t image, Time, Time) override {
      heard.push_back({worker, image});
    }
    bool watching = false;
    std::vector<std::pair<int, int64_t>> heard;
  } next;
  const auto watchdog = Make(10);
  LoaderObserver* loader = watchdog->Observe(&images_, &next);
  EXPECT_TRUE(loader->Watching());
  loader->Begins(0, LoaderWork::kDecode, 1);
  next.watching = true;
  loader->Begins(1, LoaderWork::kDecode, 2);
  loader->Worked(0, LoaderWork::kDecode, 1, {}, {});  // began while nobody watched
  next.watching = false;
  loader->Worked(1, LoaderWork::kDecode, 2, {}, {});  // began while somebody did
  EXPECT_THAT(next.heard, ElementsAre(std::make_pair(1, int64_t{2})));
}

// With its own thread and clock, on a loader whose images hang.
TEST(WatchdogThread, SaysWhatALoaderHangsAtAndThatItWentOn) {
  std::mutex mu;
  std::condition_variable said;
  std::vector<std::string> lines;
  const auto wait_for = [&](const std::string& text) {
    std::unique_lock<std::mutex> lock(mu);
    said.wait(lock, [&] {
      for (const std::string& line : lines) {
        if (line.find(text) != std::string::npos) return true;
      }
      return false;
    });
  };
  WatchdogOptions options;
  options.limit_seconds = 0.02;
  options.say = [&](const std::string& line) {
    const std::lock_guard<std::mutex> lock(mu);
    lines.push_back(line);
    said.notify_all();
  };
  GatedImages images;
  Watchdog watchdog(options);
  images.Set(false);
  LoaderOptions loader_options;
  loader_options.batch_size = 4;
  loader_options.input_height = loader_options.input_width = 8;
  loader_options.num_workers = 2;
  loader_options.observer = watchdog.Observe(&images, nullptr);
  auto loader = Loader::Create(&images, loader_options);
  ASSERT_TRUE(loader.ok()) << loader.status();
  watchdog.WaitForImages();
  wait_for("has been decoding photo ");
  std::thread opener([&images] { images.Set(true); });
  const absl::StatusOr<const Batch*> batch = (*loader)->Next();
  opener.join();
  EXPECT_TRUE(batch.ok());
  watchdog.ComputeStep(1);
  wait_for("went on after ");
  wait_for("step 1 has been computing");
}

}  // namespace
}  // namespace models
