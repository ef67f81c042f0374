#include "tools/plan/plan_report.h"

#include <cstdio>
#include <map>
#include <sstream>
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
  EXPECT_NEAR(NumberAfter(text, "\n  state of the optimizer "), needs.optimizer / mib, 0.051);
  EXPECT_NEAR(NumberAfter(text, "\n  arena "), needs.arena / mib, 0.051);
  EXPECT_NEAR(NumberAfter(text, "\n  total "), needs.total() / mib, 0.051);
  EXPECT_NEAR(NumberAfter(text, "gradients of parameters "),
              4.0 * (*session)->trainable_elements() / mib, 0.051);

  EXPECT_THAT(text, HasSubstr("net 'train': batch 16"));
  EXPECT_THAT(text, HasSubstr("MatMulWeightGrad"));
  EXPECT_THAT(text, HasSubstr("peak of "));
  EXPECT_THAT(text, HasSubstr("at 100 GFLOP/s and 10.0 GB/s a step takes at least "));
  // Nothing made again costs nothing; the others cost, and block costs more.
  EXPECT_EQ(NumberAfter(text, "--recompute=none", 2), 0);
  EXPECT_GT(NumberAfter(text, "--recompute=mlp", 2), 0);
  EXPECT_GT(NumberAfter(text, "--recompute=block", 2), NumberAfter(text, "--recompute=mlp", 2));
}

// GFLOP of each row of the table by operator type.
std::map<std::string, double> GflopByType(const std::string& text) {
  std::istringstream lines(text.substr(text.find("operator type")));
  std::map<std::string, double> gflop;
  std::string line, type;
  std::getline(lines, line);  // the heads of the columns
  while (std::getline(lines, line) && !line.empty()) {
    double count = 0;
    std::istringstream words(line);
    words >> type >> count;
    words >> gflop[type];
  }
  return gflop;
}

// A step is the sum of its operators, attention among them, and at 1 GFLOP/s it takes as
// many seconds.
TEST(PlanReport, CountsEveryOperator) {
  models::TinyEngine engine;
  engine.backend.device = graph::MakeHostDevice(2, /*root=*/"/nonexistent");
  models::ModelConfig config = models::TinyModelConfig();
  config.patch_size = 2;  // 256 patches
  models::DropPosConfig droppos = models::TinyDropPosConfig(false);
  droppos.mask_ratio = 0.75;
  const models::DropPos model(config, droppos);
  models::SessionOptions options = engine.Options(1000);
  const auto report = PlanReport(model, options, MachineRates{1, 0, 0, 0});
  ASSERT_TRUE(report.ok()) << report.status();
  const std::map<std::string, double> gflop = GflopByType(*report);
  ASSERT_GT(gflop.size(), 10u);
  // A product of attention is 2 B T T D: two in the forward pass, five in the backward.
  double product = 0;
  for (int block = 0; block < config.depth; ++block) product += 65.0 * 65 * config.embed_dim;
  for (int block = 0; block < config.decoder_depth; ++block) {
    product += 65.0 * 65 * config.decoder_embed_dim;
  }
  product *= 2 * 1000 / 1e9;
  EXPECT_NEAR(gflop.at("Attention"), 2 * product, 1e-3);
  EXPECT_NEAR(gflop.at("AttentionGrad"), 5 * product, 1e-3);
  double sum = 0;
  for (const auto& [type, of_type] : gflop) sum += of_type;
  const double rounding = 0.0005 * static_cast<double>(gflop.size());
  EXPECT_NEAR(NumberAfter(*report, " operators, "), sum, rounding);
  EXPECT_NEAR(NumberAfter(*report, "a step takes at least "), sum, rounding);
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
  models::TinyEngine engine;
  engine.backend.device = graph::MakeHostDevice(2, /*root=*/"/nonexistent");
  const models::DropPos model(models::TinyModelConfig(), models::TinyDropPosConfig(false));
  models::SessionOptions options = engine.Options(3, 2);
  const auto report = PlanReport(model, options, MachineRates());
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_THAT(*report, HasSubstr("net 'train_last'"));
  EXPECT_THAT(*report, HasSubstr("accumulated gradients"));
  EXPECT_EQ(report->find("a step takes"), std::string::npos) << *report;
}

}  // namespace
}  // namespace tools
