#include "models/training/loss_rise.h"

#include "gtest/gtest.h"

namespace models {
namespace {

TEST(LossRise, SaysFromWhatToWhat) {
  LossRise rise;
  EXPECT_EQ(rise.Steepest(30), "lr is 30");
  EXPECT_FALSE(rise.See(1, 4.7532));
  EXPECT_EQ(rise.LastStep(30), "the loss is 4.75; lr is 30");
  EXPECT_EQ(rise.Steepest(30), "the last loss was 4.75; lr is 30");
  EXPECT_TRUE(rise.See(2, 61180.4));
  EXPECT_EQ(rise.LastStep(30), "the loss rose from 4.75 to 61180 in one step; lr is 30");
  EXPECT_FALSE(rise.See(3, 61190));
  EXPECT_TRUE(rise.See(4, 61190.0 * 4));
  EXPECT_EQ(rise.Steepest(1e-4),
            "the loss rose from 4.75 to 61180 in one step, step 2; lr is 0.0001");
  EXPECT_FALSE(rise.See(5, 1.5));
  EXPECT_EQ(rise.LastStep(30), "the loss is 1.5; lr is 30");
}

TEST(LossRise, ThreeTimesTheLastIsTheBound) {
  LossRise rise;
  rise.See(1, 2);
  EXPECT_FALSE(rise.See(2, 6));
  EXPECT_TRUE(rise.See(3, 18.1));
  LossRise zero;
  zero.See(1, 0);
  EXPECT_FALSE(zero.See(2, 1)) << "nothing is a multiple of zero";
}

}  // namespace
}  // namespace models
