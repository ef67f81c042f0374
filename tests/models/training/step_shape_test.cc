#include "models/training/step_shape.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace models {
namespace {

using ::testing::HasSubstr;

absl::StatusOr<EpochPlan> Plan(int64_t images, int micro_batch, int micro_batches,
                               UpdateWhen when = UpdateWhen::kWindow) {
  StepShape step;
  step.micro_batch = micro_batch;
  step.micro_batches = micro_batches;
  step.update_when = when;
  return EpochPlan::Of(step, images);
}

TEST(EpochPlan, CountsWholeWindows) {
  EXPECT_EQ(Plan(100, 8, 3)->steps(), 4);
  EXPECT_EQ(Plan(24, 8, 3)->steps(), 1);
  EXPECT_THAT(std::string(Plan(23, 8, 3).status().message()),
              HasSubstr("is 24, more than the 23 training images"));
  EXPECT_EQ(Plan(100, 8, 5, UpdateWhen::kMicroStep)->steps(), 3);  // 12 micro-batches
  EXPECT_EQ(Plan(23, 8, 3, UpdateWhen::kMicroStep)->steps(), 1);
  EXPECT_FALSE(Plan(7, 8, 3, UpdateWhen::kMicroStep).ok());
}

// 100 images are 12 micro-batches of 8, and 4 that fill none.
TEST(EpochPlan, TheNextWindow) {
  const EpochPlan whole = *Plan(100, 8, 5), published = *Plan(100, 8, 5, UpdateWhen::kMicroStep);
  EXPECT_EQ(whole.micro_batches(), 10);
  EXPECT_EQ(published.micro_batches(), 12);
  EpochPlan::Window window = whole.Next(3);  // the second of the second epoch
  EXPECT_EQ(window.epoch, 1);
  EXPECT_EQ(window.first, 5);
  EXPECT_EQ(window.micro_batches, 5);
  EXPECT_EQ(window.position, 1 + 5.0 / 12);
  EXPECT_FALSE(whole.EndsEpoch(3));
  EXPECT_TRUE(whole.EndsEpoch(4));
  EXPECT_FALSE(whole.EndsEpoch(4, 3));
  EXPECT_TRUE(whole.EndsEpoch(12, 3));
  EXPECT_EQ(whole.epochs(3), 1.5);
  window = published.Next(2);
  EXPECT_EQ(window.epoch, 0);
  EXPECT_EQ(window.first, 10);
  EXPECT_EQ(window.micro_batches, 2);
}

}  // namespace
}  // namespace models
