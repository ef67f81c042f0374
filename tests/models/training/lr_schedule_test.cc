#include "models/training/lr_schedule.h"

#include "gtest/gtest.h"

namespace models {
namespace {

struct Row {
  LrSchedule schedule;  // lr, min_lr, warmup_epochs, epochs
  double position;
  double want;
};

// The formula of util/lr_sched.py evaluated by Python, at epochs of 625 steps.
const Row kRows[] = {
    // The published ViT-B recipe: blr 1.5e-4 at batch 2048.
    {{0.0012, 0.0, 10, 800}, 0.0, 0.0},
    {{0.0012, 0.0, 10, 800}, 0.0016, 1.9199999999999997e-07},
    {{0.0012, 0.0, 10, 800}, 0.9984, 0.00011980799999999998},
    {{0.0012, 0.0, 10, 800}, 1.0, 0.00011999999999999999},
    {{0.0012, 0.0, 10, 800}, 2.48, 0.00029759999999999997},
    {{0.0012, 0.0, 10, 800}, 9.9984, 0.001199808},
    {{0.0012, 0.0, 10, 800}, 10.0, 0.0012},
    {{0.0012, 0.0, 10, 800}, 10.0016, 0.0011999999999878547},
    {{0.0012, 0.0, 10, 800}, 39.9984, 0.0011957356985767326},
    {{0.0012, 0.0, 10, 800}, 199.0272, 0.0010383156197589795},
    {{0.0012, 0.0, 10, 800}, 405.0, 0.0006},
    {{0.0012, 0.0, 10, 800}, 799.9984, 1.21452847778869e-14},
    // Large: 40 epochs of warm-up.
    {{0.0012, 0.0, 40, 800}, 10.0, 0.0003},
    {{0.0012, 0.0, 40, 800}, 39.9984, 0.0011999519999999998},
    {{0.0012, 0.0, 40, 800}, 40.0, 0.0012},
    {{0.0012, 0.0, 40, 800}, 405.0, 0.0006371792367771568},
    {{0.0012, 0.0, 40, 800}, 799.9984, 1.3123035991213782e-14},
    // A floor, and a short run.
    {{0.0005, 1e-05, 2, 20}, 0.0016, 4.0000000000000003e-07},
    {{0.0005, 1e-05, 2, 20}, 2.48, 0.0004991407505161285},
    {{0.0005, 1e-05, 2, 20}, 10.0016, 0.00029747642437031316},
    // No warm-up.
    {{0.001, 0.0, 0, 4}, 0.0, 0.001},
    {{0.001, 0.0, 0, 4}, 0.9984, 0.0008539973996156264},
    {{0.001, 0.0, 0, 4}, 2.48, 0.00031593772365766105},
    // Nothing but warm-up.
    {{0.0006, 6e-05, 3, 3}, 0.0, 0.0},
    {{0.0006, 6e-05, 3, 3}, 2.48, 0.000496},
};

TEST(LearningRate, EqualsTheOfficialFormula) {
  for (const Row& row : kRows) {
    // Relative to the peak: near the end 1 + cos() has lost its own digits.
    EXPECT_NEAR(LearningRate(row.schedule, row.position), row.want, 1e-15 * row.schedule.lr)
        << row.schedule.warmup_epochs << "/" << row.schedule.epochs << " at " << row.position;
  }
}

TEST(LearningRate, EndsAtTheFloor) {
  EXPECT_NEAR(LearningRate({1e-3, 1e-5, 5, 50}, 50), 1e-5, 1e-18);
  EXPECT_EQ(LearningRate({1e-3, 1e-5, 50, 50}, 50), 1e-3);
  EXPECT_EQ(LearningRate({1e-3, 1e-5, 0, 0}, 0), 1e-3);
}

TEST(LearningRate, RisesThenFalls) {
  const LrSchedule schedule{2e-3, 1e-6, 3.5, 12};
  for (double at = 0; at + 0.01 <= 12; at += 0.01) {
    const double here = LearningRate(schedule, at), next = LearningRate(schedule, at + 0.01);
    if (at + 0.01 <= 3.5) {
      EXPECT_LT(here, next) << at;
    } else if (at >= 3.5) {
      EXPECT_GT(here, next) << at;
    }
  }
}

}  // namespace
}  // namespace models
