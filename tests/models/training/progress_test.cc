#include "models/training/progress.h"

#include <chrono>
#include <memory>
#include <sstream>
#include <string>

#include "gtest/gtest.h"

namespace models {
namespace {

class ProgressTest : public ::testing::Test {
 protected:
  ProgressTest() : log_({&screen_, false, nullptr}) {
    Progress::Options options;
    options.print_every = 2;
    options.launched = now_;
    options.now = [this] { return now_; };
    progress_ = std::make_unique<Progress>(&log_, options);
    result_.loss = 2.54104;
    result_.metrics = {{"pos_acc1", 0.2671, Unit::kShare}, {"loss_mae", 0.81234}};
    result_.grad_norm = 1.5061;
    result_.clipped = 3;
  }
  // The lines that step `step` of 8 images leaves, 2 s after the one before.
  std::string Step(int64_t step, int64_t bad = 0) {
    now_ += std::chrono::seconds(2);
    waited_ += 0.5;
    Progress::Step done;
    done.step = step;
    done.result = &result_;
    done.lr = 9.191e-4;
    done.images = images_;
    done.seconds = 2;
    done.data_wait_seconds = waited_;
    done.seen_in_epoch = 24;
    done.bad_in_epoch = bad;
    progress_->StepDone(done);
    return Lines();
  }
  std::string Lines() {
    const std::string lines = screen_.str();
    screen_.str("");
    return lines;
  }

  std::ostringstream screen_;
  RunLog log_;
  Progress::Time now_ = Progress::Time(std::chrono::hours(1000));
  double waited_ = 0, images_ = 8;
  StepResult result_;
  std::unique_ptr<Progress> progress_;
};

// Around the speed.
constexpr char kBefore[] = "  loss 2.5410  pos_acc1 26.71%  ";
constexpr char kBehind[] = "  lr 9.191e-04  grad_norm 1.506 (clipped 3)  loss_mae 0.8123\n";

TEST_F(ProgressTest, TheFirstStepEverySecondAndTheLastHaveALine) {
  now_ += std::chrono::seconds(5);
  progress_->Begin(0, 5, 3);
  EXPECT_EQ(Step(1), std::string("epoch 0 [1/3]  eta 0:00:08") + kBefore +
                         "4.00 images/s  data 25%" + kBehind + "first step 7.0 s after launch\n");
  EXPECT_EQ(Step(2), std::string("epoch 0 [2/3]  eta 0:00:06") + kBefore +
                         "4.00 images/s  data 25%" + kBehind);
  EXPECT_EQ(Step(3), "");
  EXPECT_EQ(Step(4), std::string("epoch 1 [1/3]  eta 0:00:02") + kBefore +
                         "4.00 images/s  data 25%" + kBehind);
  EXPECT_EQ(Step(5), std::string("epoch 1 [2/3]  eta 0:00:00") + kBefore +
                         "4.00 images/s  data 25%" + kBehind);
}

TEST_F(ProgressTest, AResumedRunsTimeLeftIsThatOfItsOwnSteps) {
  progress_->Begin(1001, 200'000, 1'000'000);
  EXPECT_EQ(Step(1002), std::string("epoch 0 [1002/1000000]  eta 4d 14:33:16") + kBefore +
                            "4.00 images/s  data 25%" + kBehind +
                            "first step 2.0 s after launch\n");
}

TEST_F(ProgressTest, WhatIsNoTrainingIsLeftOutOfTheRate) {
  progress_->Begin(0, 6, 6);
  Step(1);
  now_ += std::chrono::seconds(100);
  progress_->LeaveOut(100);
  EXPECT_EQ(Step(2).substr(sizeof("epoch 0 [2/6]  eta 0:03:28") - 1),
            std::string(kBefore) + "4.00 images/s  data 25%" + kBehind);
  now_ += std::chrono::seconds(3);  // those who train waited
  EXPECT_EQ(Step(3), "");
  EXPECT_EQ(Step(4).substr(sizeof("epoch 0 [4/6]  eta 0:00:57") - 1),
            std::string(kBefore) + "2.29 images/s  data 14%" + kBehind);
  EXPECT_EQ(Step(5), "");
  now_ += std::chrono::seconds(50);
  progress_->Evaluated({}, 64, 0, 50);
  Lines();
  EXPECT_EQ(Step(6).substr(sizeof("epoch 0 [6/6]  eta 0:00:00") - 1),
            std::string(kBefore) + "4.00 images/s  data 25%" + kBehind);
}

TEST_F(ProgressTest, TheBarShowsTheStepThatTheLineAboveItShows) {
  RunLog log({&screen_, true, [] { return 200; }});
  Progress::Options options;
  options.now = [this] { return now_; };
  progress_ = std::make_unique<Progress>(&log, options);
  progress_->Begin(0, 5, 3);
  const std::string shown = Step(1);
  EXPECT_NE(shown.find("images/s  data 25%"), std::string::npos) << shown;
  EXPECT_NE(shown.find(" 20% [====="), std::string::npos) << shown;
  EXPECT_NE(shown.find("] step 1/5  eta 0:00:08  loss 2.5410  pos_acc1 26.71%  4.00 images/s  "
                       "loss_mae 0.8123\x1b[K"),
            std::string::npos)
      << shown;
  progress_ = nullptr;
}

TEST_F(ProgressTest, SkippedImagesAreCountedInEachLineAndAtTheEpochsEnd) {
  progress_->Begin(2, 9, 3);
  EXPECT_EQ(Step(3, 2), std::string("epoch 0 [3/3]  eta 0:00:12") + kBefore +
                            "4.00 images/s  data 25%  skipped 2" + kBehind +
                            "first step 2.0 s after launch\n"
                            "epoch 0: skipped 2 of the 24 images it has met (8.33%); "
                            "check_data finds all that are bad\n");
}

TEST_F(ProgressTest, AnEvaluationsLine) {
  progress_->Begin(0, 9, 3);
  EvalMetrics metrics;
  metrics.epoch = 1.333;
  metrics.step = 4;
  metrics.values = {{"heldout_pos_acc1", 0.03125, Unit::kShare, 0.015625},
                    {"heldout_pos_acc5", 0.0061, Unit::kShare},
                    {"heldout_pos_distance", 4.356, Unit::kCells, 5.2},
                    {"heldout_loss", 4.1},
                    {"knn_acc1", 0.05, Unit::kShare, 0.1}};
  progress_->Evaluated(metrics, 64, 0, 1.25);
  const std::string line =
      "epoch 1.33  step 4  held out:  pos_acc1 3.1% (chance 1.6%)  pos_acc5 0.61%  "
      "pos_distance 4.36 cells (chance 5.20)  loss 4.1000  kNN 5.0% (chance 10.0%)  ";
  EXPECT_EQ(Lines(), line + "64 images in 1.2 s\n");
  progress_->Evaluated(metrics, 64, 3, 1.5);
  EXPECT_EQ(Lines(), line + "61 images in 1.5 s  skipped 3\n");
}

TEST_F(ProgressTest, TheSpeedHasThreeDigits) {
  progress_->Begin(0, 1000, 1000);
  const auto speed = [this](int64_t step, double images) {
    images_ = images;
    Step(step);
    const std::string line = Step(step + 1);  // 2 steps in 4 s
    const size_t end = line.find(" images/s");
    return line.substr(line.rfind(' ', end - 1) + 1, end - line.rfind(' ', end - 1) - 1);
  };
  EXPECT_EQ(speed(3, 20'000), "10000");
  EXPECT_EQ(speed(5, 1216), "608");
  EXPECT_EQ(speed(7, 176.88), "88.4");
  EXPECT_EQ(speed(9, 10.414), "5.21");
  EXPECT_EQ(speed(11, 0.9666), "0.483");
}

TEST(HeldOutText, ACountIsWhole) {
  EXPECT_EQ(HeldOutText({"heldout_skipped", 3}), "skipped 3");
  EXPECT_EQ(HeldOutText({"heldout_loss_pixels", 0.25}), "loss_pixels 0.2500");
}

}  // namespace
}  // namespace models
