// Runs over folders of pictures some of which are damaged.
#include <algorithm>
#include <cstdlib>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "absl/strings/str_format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/data/open_dataset.h"
#include "models/droppos/droppos.h"
#include "models/training/checkpoint_store.h"
#include "models/training/trainer.h"
#include "nlohmann/json.hpp"
#include "tests/models/data/test_images.h"
#include "tests/models/training/drop_times.h"
#include "tests/models/training/tiny_run.h"

namespace models {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::string Bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

int Count(const std::string& text, const std::string& part) {
  int count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

// metrics.jsonl without what is not reproducible.
std::vector<nlohmann::json> Metrics(const std::string& path) {
  std::ifstream file(path);
  std::vector<nlohmann::json> lines;
  for (std::string line; std::getline(file, line);) {
    lines.push_back(nlohmann::json::parse(line));
    DropTimes(&lines.back());
  }
  return lines;
}

class BadImagesTest : public ::testing::Test {
 protected:
  BadImagesTest() : model_(TinyModelConfig(), TinyDropPosConfig(true)) {
    folder_ = NewFolder(::testing::UnitTest::GetInstance()->current_test_info()->name());
    options_.schedule = {1e-3, 0, 0.5, 2};
    step_.micro_batch = 8;
    step_.seed = 5;
    options_.print_every = 3;
    options_.observers = {&hooks_};
    options_.loader.num_workers = 2;
    for (int i = 0; i < 100; ++i) {
      Put(Name(i), i % 2 == 0 ? EncodeJpeg(PhotographLike(48, 40, i))
                              : EncodePng(PhotographLike(40, 48, i)));
    }
    for (int i = 0; i < 9; ++i) {
      Put(absl::StrFormat("val/%d.png", i), EncodePng(GradientImage(32, 32, i)));
    }
  }

  static std::string Name(int i) { return absl::StrFormat("train/%03d.jpg", i); }
  void Put(const std::string& name, const std::string& bytes) {
    WriteFile(folder_ + "/data/" + name, bytes);
  }

  // 5 of the training images, and what is said of each.
  std::vector<std::pair<std::string, std::string>> DamageFivePercent() {
    const std::string jpeg = EncodeJpeg(PhotographLike(48, 40, 7));
    std::string damaged = EncodePng(PhotographLike(40, 48, 11));
    for (size_t i = damaged.size() / 2; i < damaged.size() / 2 + 20; ++i) damaged[i] ^= 0x5A;
    Put(Name(3), "");
    Put(Name(24), jpeg.substr(0, jpeg.size() / 2));
    Put(Name(45), "<html><body>404 Not Found</body></html>");
    Put(Name(66), damaged);
    Put(Name(87), ClaimPngSize(EncodePng(PhotographLike(40, 48, 9)), 61680, 61680));
    return {{Name(3), "the file is empty; a copy or download that broke off?"},
            {Name(24), "Premature end of JPEG file; a copy or download that broke off?"},
            {Name(45), "it is an HTML page"},
            {Name(66), "its bytes are damaged"},
            {Name(87), "claims 61680x61680 pixels, more than --max_image_megapixels"}};
  }

  // To the end, from the newest checkpoint where `resume`.
  absl::Status Run(const std::string& name, bool resume = false) {
    const std::string folder = folder_ + "/" + name;
    std::filesystem::create_directories(folder);
    OpenOptions open;
    open.data_path = folder_ + "/data";
    auto data = OpenDatasets(open);
    EXPECT_TRUE(data.ok()) << data.status();
    options_.metrics_path = folder + "/metrics.jsonl";
    KeepPolicy keep;
    keep.keep = 0;
    CheckpointStore checkpoints(folder, keep);
    options_.checkpoints = &checkpoints;
    SessionOptions session_options = engine_.Options(step_);
    auto session = Session::Create(&model_, session_options);
    if (!session.ok()) return session.status();
    options_.resume = nullptr;
    absl::StatusOr<NewestCheckpoint> newest = FindNewestCheckpoint(folder);
    if (resume && newest.ok()) {
      const absl::Status restored = RestoreCheckpoint(newest->checkpoint, session->get());
      if (!restored.ok()) return restored;
      options_.resume = &newest->checkpoint.state;
    }
    std::ostringstream screen;
    RunLog log({&screen, false, {}});
    const absl::Status status =
        Train(options_, model_, *data->train, data->held_out.get(), session->get(), &log);
    log_ = screen.str();
    return status;
  }

  std::string Weights(const std::string& run, int64_t step) {
    return Bytes(folder_ + "/" + run + "/checkpoints/" + CheckpointName(step) +
                 "/model.safetensors");
  }
  std::vector<nlohmann::json> MetricsOf(const std::string& run) {
    return Metrics(folder_ + "/" + run + "/metrics.jsonl");
  }

  TinyEngine engine_;
  DropPos model_;
  StepShape step_;
  RunHooks hooks_;
  TrainerOptions options_;
  std::string folder_, log_;
};

TEST_F(BadImagesTest, AnEpochWithFivePercentDamagedNamesEachOfThem) {
  const auto damaged = DamageFivePercent();
  Put("val/4.png", "GIF89a");
  ASSERT_TRUE(Run("run").ok());
  for (const auto& [name, reason] : damaged) {
    EXPECT_EQ(Count(log_, name), 1) << log_;  // though two epochs met it
    const size_t at = log_.find("skipped an image: cannot decode " + folder_ + "/data/" + name);
    ASSERT_NE(at, std::string::npos) << name << "\n" << log_;
    EXPECT_THAT(log_.substr(at, log_.find('\n', at) - at), HasSubstr(reason));
  }
  // 95 good ones for 96 places: each epoch meets all.
  EXPECT_EQ(Count(log_, "skipped 5 of the 100 images it has met (5.00%)"), 2) << log_;
  EXPECT_THAT(log_, HasSubstr("epoch 0: skipped 5"));
  EXPECT_THAT(log_, HasSubstr("epoch 1: skipped 5"));
  EXPECT_EQ(Count(log_, "val/4.png"), 1) << log_;
  EXPECT_EQ(Count(log_, "8 images in"), 2) << log_;
  EXPECT_EQ(Count(log_, "s  skipped 1\n"), 2) << log_;
  const auto metrics = MetricsOf("run");
  EXPECT_EQ(metrics[11].at("skipped"), 5);
  EXPECT_EQ(metrics[12].at("heldout_skipped"), 1);
  EXPECT_LT(metrics[13].value("skipped", 0), 5);
}

TEST_F(BadImagesTest, CleanDataAreNotCounted) {
  ASSERT_TRUE(Run("run").ok());
  EXPECT_THAT(log_, Not(HasSubstr("skipped")));
  for (const auto& line : MetricsOf("run")) {
    EXPECT_EQ(line.value("skipped", 0), 0);
    EXPECT_FALSE(line.contains("heldout_skipped"));
  }
}

TEST_F(BadImagesTest, ARunStoppedAnywhereEndsAsOneThatNeverDid) {
  DamageFivePercent();
  ASSERT_TRUE(Run("whole").ok());
  for (int64_t stop : {1, 5, 11, 12, 14, 20}) {
    const std::string name = absl::StrFormat("stopped%d", stop);
    options_.steps = stop;
    ASSERT_TRUE(Run(name).ok());
    options_.steps = -1;
    ASSERT_TRUE(Run(name, /*resume=*/true).ok());
    EXPECT_EQ(Weights(name, 24), Weights("whole", 24)) << stop;
    EXPECT_EQ(MetricsOf(name), MetricsOf("whole")) << stop;
  }
}

// Where the next batch is copied beside a step, its images are those of the run that goes on.
TEST_F(BadImagesTest, AStoppedRunHasNamedTheImagesOfItsStepsAlone) {
  DamageFivePercent();
  for (int last = 1; last < 12; ++last) {
    std::atomic<bool> stop{false};
    int steps = 0;
    options_.stop = &stop;
    hooks_.step_done = [&] { stop = ++steps == last; };
    const std::string name = absl::StrFormat("signal%d", last);
    ASSERT_TRUE(Run(name).ok());
    const auto metrics = MetricsOf(name);
    ASSERT_EQ(metrics.size(), static_cast<size_t>(last));
    EXPECT_EQ(Count(log_, "skipped an image"), metrics.back().value("skipped", 0)) << log_;
  }
}

TEST_F(BadImagesTest, TooManyEndTheRunAtTheSameStepHoweverOftenItWasStopped) {
  for (int i = 0; i < 100; i += 10) Put(Name(i), "no picture");  // 10%, the limit being 5%
  options_.loader.max_bad_share = 0.05;
  const absl::Status whole = Run("whole");
  EXPECT_THAT(std::string(whole.message()),
              AllOf(HasSubstr("after step "), HasSubstr("images cannot be decoded"),
                    HasSubstr("--max_bad_share"), HasSubstr("check_data lists")));
  const auto newest = FindNewestCheckpoint(folder_ + "/whole");
  ASSERT_TRUE(newest.ok()) << newest.status();  // what was learned is saved
  const int64_t last = newest->checkpoint.state.step;
  ASSERT_GT(last, 3);
  for (int64_t stop : {int64_t{1}, last / 2, last - 1, last}) {
    const std::string name = absl::StrFormat("stopped%d", stop);
    options_.steps = stop;
    ASSERT_TRUE(Run(name).ok());
    options_.steps = -1;
    const absl::Status again = Run(name, true);
    EXPECT_THAT(
        std::string(whole.message()),
        HasSubstr(std::string(again.message()).substr(0, again.message().find("The last"))));
    EXPECT_EQ(FindNewestCheckpoint(folder_ + "/" + name)->checkpoint.state.step, last);
    EXPECT_EQ(MetricsOf(name), MetricsOf("whole")) << stop;
  }
  // The limit may be raised, and the run goes on.
  options_.loader.max_bad_share = 0.2;
  EXPECT_TRUE(Run("whole", true).ok());
}

TEST_F(BadImagesTest, StopEndsTheRunAtTheFirstAndSkipGoesOn) {
  const auto damaged = DamageFivePercent();
  options_.loader.stop_at_bad_image = true;
  const absl::Status status = Run("run");
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("cannot decode " + folder_ + "/data/train/"), HasSubstr("; "),
                    HasSubstr("--on_bad_image=skip")));
  EXPECT_THAT(log_, Not(HasSubstr("skipped")));
  options_.loader.stop_at_bad_image = false;
  ASSERT_TRUE(Run("run", true).ok());
  ASSERT_TRUE(Run("whole").ok());
  EXPECT_EQ(Weights("run", 24), Weights("whole", 24));
}

TEST_F(BadImagesTest, FilesThatGoOrChangeMeanwhileDoNotEndTheRun) {
  int64_t steps = 0;
  hooks_.step_done = [&] {
    if (++steps == 2) {
      std::filesystem::remove(folder_ + "/data/" + Name(10));
      std::filesystem::remove_all(folder_ + "/data/" + Name(11));
      Put(Name(12), "overwritten with something else");
      Put(Name(13), EncodePng(GradientImage(20, 30)));  // another picture is one, too
    }
  };
  ASSERT_TRUE(Run("run").ok());
  for (const int i : {10, 11}) {
    EXPECT_THAT(log_, HasSubstr(Name(i) + ": No such file or directory; put the picture back"));
  }
  EXPECT_THAT(log_, HasSubstr(Name(12) + ": it is text"));
  EXPECT_THAT(log_, Not(HasSubstr(Name(13))));
  EXPECT_THAT(log_, HasSubstr("epoch 1: skipped 3 of the 99 images"));
}

}  // namespace
}  // namespace models
