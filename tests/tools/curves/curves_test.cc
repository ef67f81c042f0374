#include "tools/curves/curves.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "graph/schema/builder.h"
#include "gtest/gtest.h"
#include "models/droppos/droppos_config.h"
#include "tools/evaluation/knn_protocol.h"
#include "tools/evaluation/position_protocol.h"
#include "tools/plugins.h"

namespace tools {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// Steps of a tenth of an epoch and two seconds, whose loss is `losses`; an evaluation after the
// last.
RunMetrics RunOf(const std::string& name, const std::vector<double>& losses,
                 double accuracy = 0.5) {
  RunMetrics log;
  log.path = "runs/" + name;
  log.name = name;
  for (size_t i = 0; i < losses.size(); ++i) {
    const auto step = static_cast<int64_t>(i) + 1;
    log.rows.push_back({step, 0.1 * static_cast<double>(step), 2.0 * static_cast<double>(step)});
    log.metrics["loss"].push_back({i, losses[i]});
    log.metrics["lr"].push_back({i, 1e-3 * static_cast<double>(i)});
    log.metrics["images_per_s"].push_back({i, 100});
  }
  log.rows.push_back(log.rows.back());
  log.rows.back().evaluation = true;
  log.metrics["heldout_pos_acc1"].push_back({log.rows.size() - 1, accuracy});
  log.chance = 0.125;
  return log;
}

CurvePage Planned(const std::vector<RunMetrics>& runs, const CurveOptions& options = {}) {
  std::vector<std::string> notes;
  absl::StatusOr<CurvePage> page = PlanCurves(runs, options, &notes);
  EXPECT_TRUE(page.ok()) << page.status();
  EXPECT_THAT(notes, IsEmpty());
  return std::move(page).value();
}
std::string PlanError(const std::vector<RunMetrics>& runs, const CurveOptions& options) {
  std::vector<std::string> notes;
  const absl::StatusOr<CurvePage> page = PlanCurves(runs, options, &notes);
  EXPECT_FALSE(page.ok());
  return std::string(page.status().message());
}
std::vector<std::string> Metrics(const CurvePage& page) {
  std::vector<std::string> metrics;
  for (const Panel& panel : page.panels) metrics.push_back(panel.metric);
  return metrics;
}
std::vector<double> Ys(const std::vector<CurvePoint>& points) {
  std::vector<double> ys;
  for (const CurvePoint& point : points) ys.push_back(point.y);
  return ys;
}
std::vector<double> Xs(const std::vector<CurvePoint>& points) {
  std::vector<double> xs;
  for (const CurvePoint& point : points) xs.push_back(point.x);
  return xs;
}

TEST(Curves, PanelsOfWhatThereIs) {
  const CurvePage page = Planned({RunOf("a", {4, 3}), RunOf("b", {5, 4, 3})});
  EXPECT_THAT(Metrics(page), ElementsAre("loss", "heldout_pos_acc1", "lr", "images_per_s"));
  EXPECT_THAT(page.legend, ElementsAre("a", "b"));
  const Panel& loss = page.panels[0];
  ASSERT_THAT(loss.curves, SizeIs(2));
  EXPECT_THAT(Ys(loss.curves[1].line), ElementsAre(5, 4, 3));
  EXPECT_THAT(Xs(loss.curves[0].line), ElementsAre(0.1, 0.2));
  EXPECT_EQ(loss.curves[1].look, 1);
  EXPECT_FALSE(loss.percent || loss.from_zero || loss.evaluation || loss.log_y);
  EXPECT_THAT(loss.chances, IsEmpty());
  const Panel& accuracy = page.panels[1];
  EXPECT_TRUE(accuracy.percent && accuracy.from_zero && accuracy.evaluation);
  EXPECT_THAT(accuracy.chances, ElementsAre(0.125));
  EXPECT_TRUE(page.panels[3].from_zero) << "rates compare by their height";
  EXPECT_NEAR(page.x_high, 0.3, 1e-12);
  EXPECT_EQ(page.x_label, "epoch");
}

TEST(Curves, EachAccuracyHasItsChance) {
  RunMetrics run = RunOf("a", {4, 3});
  run.metrics["knn_acc1"] = run.metrics["pos_acc1_weighted"] = run.metrics["heldout_pos_acc1"];
  run.chances["knn_acc1"] = 0.1;
  CurveOptions options;
  options.metrics = {"knn_acc1", "pos_acc1_weighted", "heldout_pos_acc1", "loss"};
  std::vector<std::vector<double>> chances;
  for (const Panel& panel : Planned({run}, options).panels) chances.push_back(panel.chances);
  EXPECT_THAT(chances,
              ElementsAre(ElementsAre(0.1), ElementsAre(0.125), ElementsAre(0.125), IsEmpty()));
}

// A share that is called otherwise would be drawn as a number.
TEST(Curves, NamesSayTheUnitsOfTheZooAndTheProtocols) {
  const auto expect = [](const std::string& metric, models::Unit unit) {
    EXPECT_EQ(IsShare(metric), unit == models::Unit::kShare) << metric;
  };
  const graph::SchemaRegistry registry = MakeRegistry();
  const models::Zoo zoo = MakeZoo();
  for (models::ZooEntry entry : zoo.entries()) {
    for (const char* type : {"mae_pos_target", "multi_task", "vanilla_mae"}) {
      if (models::FindDropPos(entry) != nullptr) {
        auto config = std::make_shared<models::DropPosConfig>();
        config->drop_pos_type = type;
        config->conf_ignore = true;
        entry.options = std::move(config);
      }
      const auto model = entry.make(entry, /*num_classes=*/10);
      graph::NetBuilder net(&registry, "train");
      models::ModelBuilder builder(&net);
      for (const models::MetricSpec& m : model->BuildTraining(&builder, 2).metrics) {
        expect(m.name, m.unit);
      }
      for (const models::Evaluation& e : model->Evaluations()) expect(e.metric, e.unit);
    }
  }
  PositionReport positions;
  positions.results.emplace_back();
  positions.results[0].ratios.recipe = true;
  positions.results[0].scores.scored = 1;
  KnnReport neighbours;
  neighbours.results = {{"cls", 0.5}, {"mean", 0.5}};
  for (const models::MetricList& metrics : {positions.Metrics(), neighbours.Metrics()}) {
    EXPECT_THAT(metrics, ::testing::Not(IsEmpty()));
    for (const models::Metric& m : metrics) expect(m.name, m.unit);
  }
}

TEST(Curves, StepsAndTimes) {
  CurveOptions options;
  options.x = XAxis::kStep;
  EXPECT_THAT(Xs(Planned({RunOf("a", {4, 3})}, options).panels[0].curves[0].line),
              ElementsAre(1, 2));
  options.x = XAxis::kTime;
  const CurvePage seconds = Planned({RunOf("a", {4, 3})}, options);
  EXPECT_THAT(Xs(seconds.panels[0].curves[0].line), ElementsAre(2, 4));
  EXPECT_EQ(seconds.x_label, "seconds");
  const CurvePage minutes = Planned({RunOf("a", std::vector<double>(300, 1))}, options);
  EXPECT_EQ(minutes.x_label, "minutes");
  EXPECT_EQ(minutes.x_high, 10);
  EXPECT_EQ(minutes.panels[0].curves[0].line.back().x, 10);
  EXPECT_EQ(Planned({RunOf("a", std::vector<double>(7200, 1))}, options).x_label, "hours");
  RunMetrics timeless = RunOf("a", {4, 3});
  for (RunMetrics::Row& row : timeless.rows) row.seconds = 0;
  EXPECT_THAT(PlanError({timeless}, options), HasSubstr("--x=time"));
}

TEST(Curves, SmoothingIsTensorBoards) {
  EXPECT_THAT(Smoothed({1, 2, 4}, 0), ElementsAre(1, 2, 4));
  const std::vector<double> smoothed = Smoothed({1, 2, 4}, 0.5);
  EXPECT_EQ(smoothed[0], 1) << "the start weighs as much as it should";
  EXPECT_DOUBLE_EQ(smoothed[1], (0.5 * 0.5 * 1 + 0.5 * 2) / 0.75);
  EXPECT_DOUBLE_EQ(smoothed[2], (0.125 * 1 + 0.25 * 2 + 0.5 * 4) / 0.875);
  const std::vector<double> gap = Smoothed({1, std::nan(""), 1}, 0.9);
  EXPECT_TRUE(std::isnan(gap[1]));
  EXPECT_DOUBLE_EQ(gap[2], 1);
}

TEST(Curves, OnlyStepsAreSmoothed) {
  CurveOptions options;
  options.smooth = 0.5;
  const CurvePage page = Planned({RunOf("a", {1, 2, 4})}, options);
  EXPECT_THAT(Ys(page.panels[0].curves[0].raw), ElementsAre(1, 2, 4));
  EXPECT_NE(page.panels[0].curves[0].line[1].y, 2);
  EXPECT_THAT(page.panels[1].curves[0].raw, IsEmpty()) << "an evaluation";
  EXPECT_THAT(page.panels[2].curves[0].raw, IsEmpty()) << "the learning rate";
  EXPECT_THAT(Ys(page.panels[2].curves[0].line), ElementsAre(0, 1e-3, 2e-3));
}

TEST(Curves, NaNsAreGaps) {
  const CurvePage page = Planned({RunOf("a", {4, std::nan(""), 2, std::nan("")})});
  const Curve& curve = page.panels[0].curves[0];
  EXPECT_TRUE(std::isnan(curve.line[1].y));
  const CurvePage none = Planned({RunOf("a", {std::nan("")})});
  EXPECT_TRUE(std::isnan(none.panels[0].curves[0].line[0].y));
}

TEST(Curves, NamesWithoutSeeds) {
  EXPECT_EQ(NameWithoutSeed("cifar_0"), "cifar");
  EXPECT_EQ(NameWithoutSeed("cifar-12"), "cifar");
  EXPECT_EQ(NameWithoutSeed("cifar12"), "cifar");
  EXPECT_EQ(NameWithoutSeed("p/0"), "p");
  EXPECT_EQ(NameWithoutSeed("bf16_big"), "bf16_big");
  EXPECT_EQ(NameWithoutSeed("12"), "12");
  EXPECT_EQ(NameWithoutSeed(""), "");
}

TEST(Curves, SeedsAreOneCurveWithARange) {
  CurveOptions options;
  options.seeds = true;
  const CurvePage page = Planned(
      {RunOf("a_0", {4, 2}), RunOf("b", {9, 9}), RunOf("a_1", {8, 3}), RunOf("a_2", {3, 4})},
      options);
  EXPECT_THAT(page.legend, ElementsAre("a (3 runs)", "b"));
  const Panel& loss = page.panels[0];
  ASSERT_THAT(loss.curves, SizeIs(2));
  EXPECT_THAT(Ys(loss.curves[0].line), ElementsAre(5, 3));
  EXPECT_THAT(loss.curves[0].low, ElementsAre(3, 2));
  EXPECT_THAT(loss.curves[0].high, ElementsAre(8, 4));
  EXPECT_THAT(loss.curves[1].low, IsEmpty());
  EXPECT_THAT(page.remarks[0], HasSubstr("means of runs"));
}

TEST(Curves, SeedsOfDifferentLengthSayHowFar) {
  CurveOptions options;
  options.seeds = true;
  std::vector<std::string> notes;
  const auto page = PlanCurves({RunOf("a_0", {4, 2, 1}), RunOf("a_1", {8, 3})}, options, &notes);
  ASSERT_TRUE(page.ok());
  EXPECT_THAT(Ys(page->panels[0].curves[0].line), ElementsAre(6, 2.5));
  EXPECT_THAT(notes, ElementsAre("a: drawn to step 2, where runs/a_1 ends"));
}

TEST(Curves, SeedsWithANaNHaveAGap) {
  CurveOptions options;
  options.seeds = true;
  const CurvePage page =
      Planned({RunOf("a_0", {4, std::nan(""), 2}), RunOf("a_1", {4, 3, 2})}, options);
  const Curve& curve = page.panels[0].curves[0];
  EXPECT_TRUE(std::isnan(curve.line[1].y) && std::isnan(curve.low[1]) && std::isnan(curve.high[1]));
  EXPECT_EQ(curve.line[2].y, 2);
}

TEST(Curves, LogarithmicAxesLeaveOutWhatHasNoLogarithm) {
  CurveOptions options;
  options.log_y = {"lr"};
  const CurvePage page = Planned({RunOf("a", {4, 3})}, options);
  EXPECT_TRUE(page.panels[2].log_y);
  EXPECT_FALSE(page.panels[0].log_y);
  EXPECT_TRUE(std::isnan(page.panels[2].curves[0].line[0].y));
  EXPECT_EQ(page.panels[2].curves[0].line[1].y, 1e-3);
  EXPECT_THAT(PlanError({RunOf("a", {4})}, options), AllOf(HasSubstr("--log_y"), HasSubstr("lr")));
  options.log_y = {"los"};
  EXPECT_THAT(PlanError({RunOf("a", {4})}, options), HasSubstr("did you mean loss"));
  options.log_y = {"loss"}, options.metrics = {"lr"};
  EXPECT_THAT(PlanError({RunOf("a", {4})}, options), HasSubstr("is not drawn"));
}

TEST(Curves, MetricsByName) {
  CurveOptions options;
  options.metrics = {"lr", "loss"};
  EXPECT_THAT(Metrics(Planned({RunOf("a", {4})}, options)), ElementsAre("lr", "loss"));
  options.metrics = {"heldout_pos_ac1"};
  EXPECT_THAT(PlanError({RunOf("a", {4})}, options),
              AllOf(HasSubstr("--metrics"), HasSubstr("did you mean heldout_pos_acc1"),
                    HasSubstr("images_per_s")));
}

TEST(Curves, ARunWithNothingToDrawIsNamed) {
  RunMetrics other;
  other.path = "runs/other", other.name = "other";
  other.rows = {{1, 1, 1}};
  other.metrics["top5"] = {{0, 1}};
  EXPECT_THAT(PlanError({RunOf("a", {4}), other}, {}),
              AllOf(HasSubstr("runs/other has none of loss"), HasSubstr("it has top5")));
  EXPECT_THAT(Metrics(Planned({other})), ElementsAre("top5")) << "all there is";
  other.metrics.clear();
  EXPECT_THAT(PlanError({other}, {}), HasSubstr("runs/other has steps, but no numbers"));
}

TEST(Curves, MoreThanCanBeToldApart) {
  std::vector<RunMetrics> runs;
  for (int i = 0; i < kMostCurves; ++i) runs.push_back(RunOf(absl::StrCat("a", i), {4}));
  EXPECT_THAT(Planned(runs).legend, SizeIs(kMostCurves));
  runs.push_back(RunOf("b", {4}));
  EXPECT_THAT(PlanError(runs, {}), AllOf(HasSubstr("29 runs"), HasSubstr("--seeds")));
  CurveOptions options;
  options.seeds = true;
  EXPECT_THAT(Planned(runs, options).legend, SizeIs(2));
}

}  // namespace
}  // namespace tools
