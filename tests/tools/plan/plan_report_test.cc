#include "tools/plan/plan_report.h"

#include <cstdio>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/droppos/droppos.h"
#include "models/training/session.h"
#include "tests/models/training/tiny_run.h"

namespace tools {
namespace {

using ::testing::HasSubstr;

// The number in the last line that has `label`, `column` words after it.
double NumberAfter(const std::string& text, const std::string& label, int column = 0) {
  const size_t at = text.rfind(label);
  EXPECT_NE(at, std::string::npos) << label;
  if (at == std::string::npos) return -1;
  double values[3] = {-1, -1, -1};
  std::sscanf(text.c_str() + at + label.size(), "%lf %lf %lf", &values[0], &values[1], &values[2]);
  return values[column];
}

TEST(PlanReport, SaysWhatTheSessionWillTake) {
  const models::TinyEngine engine;
  const models::DropPos model(models::TinyModelConfig(), models::TinyDropPosConfig(true));
  const models::SessionOptions options = engine.Options(16);
  const auto report = PlanReport(model, options, MachineRates{100, 0, 0, 10});
  ASSERT_TRUE(report.ok()) << report.status();
  const std::string& text = *report;

  const auto session = models::Session::Create(&model, options);
  ASSERT_TRUE(session.ok()) << session.status();
  const models::MemoryNeeds& needs = (*session)->memory();
  const double mib = 1024.0 * 1024.0;
  EXPECT_NEAR(NumberAfter(text, "\n  parameters "), needs.parameters / mib, 0.051);
  EXPECT_NEAR(NumberAfter(text, "\n  moments of AdamW "), needs.moments / mib, 0.051);
  EXPECT_NEAR(NumberAfter(text, "\n  arena "), needs.arena / mib, 0.051);
  EXPECT_NEAR(NumberAfter(text, "\n  total "), needs.total() / mib, 0.051);
  EXPECT_NEAR(NumberAfter(text, "gradients of parameters "),
              4.0 * (*session)->trainable_elements() / mib, 0.051);

  EXPECT_THAT(text, HasSubstr("net 'train': batch 16"));
  EXPECT_THAT(text, HasSubstr("MatMulWeightGrad"));
  EXPECT_THAT(text, HasSubstr("peak of "));
  EXPECT_THAT(text, HasSubstr("the largest --batch_size is "));
  EXPECT_THAT(text, HasSubstr("at 100 GFLOP/s and 10.0 GB/s a step takes at least "));
  // Nothing made again costs nothing; the others cost, and block costs more.
  EXPECT_EQ(NumberAfter(text, "--recompute=none", 2), 0);
  EXPECT_GT(NumberAfter(text, "--recompute=mlp", 2), 0);
  EXPECT_GT(NumberAfter(text, "--recompute=block", 2), NumberAfter(text, "--recompute=mlp", 2));
}

TEST(PlanReport, WithoutItsPassThereIsNoRecomputation) {
  const models::TinyEngine engine;
  const models::DropPos model(models::TinyModelConfig(), models::TinyDropPosConfig(false));
  models::SessionOptions options = engine.Options(4);
  options.compile.passes.disabled = {"recompute"};
  const auto report = PlanReport(model, options, MachineRates());
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_THAT(*report, HasSubstr("its pass is left out"));
  EXPECT_EQ(report->find("--recompute=block"), std::string::npos) << *report;
}

TEST(PlanReport, PredictsNothingWithoutRates) {
  const models::TinyEngine engine;
  const models::DropPos model(models::TinyModelConfig(), models::TinyDropPosConfig(false));
  models::SessionOptions options = engine.Options(3, 2);
  options.memory_root = "/nonexistent";
  const auto report = PlanReport(model, options, MachineRates());
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_THAT(*report, HasSubstr("net 'train_last'"));
  EXPECT_THAT(*report, HasSubstr("accumulated gradients"));
  EXPECT_EQ(report->find("a step takes"), std::string::npos) << *report;
  EXPECT_EQ(report->find("available"), std::string::npos) << *report;
}

}  // namespace
}  // namespace tools
