#include "tools/curves/run_metrics.h"

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/training/metrics.h"

namespace tools {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// What the trainer writes.
std::string Step(int64_t step, double loss) {
  models::TrainMetrics m;
  m.step = step;
  m.epoch = static_cast<double>(step) / 10;
  m.loss = loss;
  m.model = {{"pos_acc1", 0.5}};
  m.lr = 0.25;
  m.timing = {{"seconds", 2}, {"images_per_s", 100}};
  return models::MetricsLine(m);
}
std::string Evaluation(int64_t step, double accuracy) {
  models::EvalMetrics m;
  m.step = step;
  m.epoch = static_cast<double>(step) / 10;
  m.values = {{"heldout_pos_acc1", accuracy}};
  m.chance = 0.125;
  m.timing = {{"seconds", 5}};
  return models::MetricsLine(m);
}

RunMetrics Parsed(const std::string& text) {
  std::vector<std::string> notes;
  absl::StatusOr<RunMetrics> log = ParseRunMetrics(text, &notes);
  EXPECT_TRUE(log.ok()) << log.status();
  EXPECT_THAT(notes, IsEmpty());
  return std::move(log).value();
}
std::string ParseError(const std::string& text) {
  std::vector<std::string> notes;
  const absl::StatusOr<RunMetrics> log = ParseRunMetrics(text, &notes);
  EXPECT_FALSE(log.ok());
  return std::string(log.status().message());
}
std::vector<double> Values(const RunMetrics& log, const std::string& metric) {
  std::vector<double> values;
  for (const RunMetrics::Value& value : log.metrics.at(metric)) values.push_back(value.value);
  return values;
}

TEST(RunMetrics, StepsAndEvaluations) {
  const RunMetrics log = Parsed(Step(1, 4) + Step(2, 3) + Evaluation(2, 0.75) + Step(3, 2));
  ASSERT_THAT(log.rows, SizeIs(4));
  EXPECT_THAT(Values(log, "loss"), ElementsAre(4, 3, 2));
  EXPECT_THAT(Values(log, "images_per_s"), ElementsAre(100, 100, 100));
  EXPECT_THAT(Values(log, "heldout_pos_acc1"), ElementsAre(0.75));
  EXPECT_THAT(Values(log, "seconds"), ElementsAre(2, 2, 2)) << "not an evaluation's";
  EXPECT_EQ(log.metrics.at("heldout_pos_acc1")[0].row, 2u);
  EXPECT_TRUE(log.rows[2].evaluation);
  EXPECT_FALSE(log.rows[3].evaluation);
  EXPECT_EQ(log.rows[3].step, 3);
  EXPECT_EQ(log.rows[3].epoch, 0.3);
  EXPECT_EQ(log.rows[3].seconds, 2 + 2 + 5 + 2);
  EXPECT_EQ(log.chance, 0.125);
  EXPECT_EQ(log.metrics.count("step") + log.metrics.count("epoch") + log.metrics.count("chance"),
            0u);
}

TEST(RunMetrics, RunsOfAnEarlierVersion) {
  const RunMetrics log = Parsed(
      R"({"step":1,"epoch":0.1,"loss":4,"lr":0.1,"timing":{"seconds":2,"images_per_s":9}})"
      "\n"
      R"({"epoch":0.1,"step":1,"heldout_pos_acc1":0.5,"chance":0.25,"timing":{"seconds":3}})");
  ASSERT_THAT(log.rows, SizeIs(2));
  EXPECT_FALSE(log.rows[0].evaluation);
  EXPECT_TRUE(log.rows[1].evaluation);
  EXPECT_EQ(log.rows[1].seconds, 5);
  EXPECT_THAT(Values(log, "images_per_s"), ElementsAre(9));
  EXPECT_EQ(log.chance, 0.25);
}

TEST(RunMetrics, ChancesBelongToTheirMetrics) {
  models::EvalMetrics m{1, 1, {{"knn_acc1", 0.5, models::Unit::kShare, 0.1}}, 0.25, {}};
  const RunMetrics log = Parsed(models::MetricsLine(m));
  EXPECT_EQ(log.chance, 0.25);
  EXPECT_EQ(log.chances, (std::map<std::string, double>{{"knn_acc1", 0.1}}));
  EXPECT_EQ(log.metrics.count("knn_acc1_chance"), 0u);
}

TEST(RunMetrics, NullIsNoNumber) {
  const RunMetrics log = Parsed(Step(1, std::nan("")) + Step(2, 3));
  EXPECT_TRUE(std::isnan(Values(log, "loss")[0]));
  EXPECT_EQ(Values(log, "loss")[1], 3);
}

// A run that wrote to step 4, was killed, and went on from its checkpoint of step 2.
TEST(RunMetrics, RepeatedStepsCountOnce) {
  const std::string text = Step(1, 9) + Step(2, 8) + Evaluation(2, 0.5) + Step(3, 7) + Step(4, 6) +
                           Evaluation(4, 0.25) + Step(3, 5) + Step(4, 4) + Evaluation(4, 0.75);
  const RunMetrics log = Parsed(text);
  EXPECT_THAT(Values(log, "loss"), ElementsAre(9, 8, 5, 4));
  EXPECT_THAT(Values(log, "heldout_pos_acc1"), ElementsAre(0.5, 0.75));
  EXPECT_EQ(log.rows.back().seconds, 4 * 2 + 2 * 5) << "what was lost is not counted";
  EXPECT_THAT(Values(Parsed(Step(1, 9) + Step(1, 8)), "loss"), ElementsAre(8));
}

TEST(RunMetrics, LastHalfLineIsLeftOut) {
  const std::string whole = Step(1, 4), half = Step(2, 3);
  for (size_t size = 1; size + 1 < half.size(); ++size) {
    std::vector<std::string> notes;
    const absl::StatusOr<RunMetrics> log = ParseRunMetrics(whole + half.substr(0, size), &notes);
    ASSERT_TRUE(log.ok()) << log.status();
    ASSERT_THAT(log->rows, SizeIs(1));
    ASSERT_THAT(notes, ElementsAre(HasSubstr("line 2 is cut off")));
  }
  // All of a line but its end.
  EXPECT_THAT(Parsed(whole + half.substr(0, half.size() - 1)).rows, SizeIs(2));
}

TEST(RunMetrics, WhatIsNoMetricsIsRefusedByLine) {
  EXPECT_THAT(ParseError(Step(1, 4) + "{\"step\":2,\n" + Step(3, 4)),
              HasSubstr("line 2 is no JSON"));
  EXPECT_THAT(ParseError("hello\n"), HasSubstr("line 1"));
  EXPECT_THAT(ParseError("{\"a\":1}\n"), HasSubstr("line 1: no object with a step"));
  EXPECT_THAT(ParseError("[1]\n"), HasSubstr("line 1"));
  EXPECT_THAT(ParseError("{\"step\":\"x\"}\n"), HasSubstr("line 1"));
  // Odd, but nothing to refuse: what is not a number is not drawn.
  const RunMetrics odd = Parsed("{\"step\":1,\"a\":\"x\",\"b\":[1],\"c\":2,\"timing\":7}\n\n");
  EXPECT_EQ(odd.metrics.size(), 1u);
  EXPECT_THAT(Parsed("").rows, IsEmpty());
}

TEST(RunMetrics, ShortestNamesThatDiffer) {
  EXPECT_THAT(ShortNames({"/r/a", "/r/b/"}), ElementsAre("a", "b"));
  EXPECT_THAT(ShortNames({"/x/run", "/y/run", "/y/other"}), ElementsAre("x/run", "y/run", "other"));
  EXPECT_THAT(ShortNames({"run", "/y/run"}), ElementsAre("run", "y/run"));
  EXPECT_THAT(ShortNames({"/p/x/run", "/q/x/run"}), ElementsAre("p/x/run", "q/x/run"));
}

class ReadLogs : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = fs::path(std::getenv("TEST_TMPDIR")) / test->name();
    fs::create_directories(folder_);
  }
  std::string Run(const std::string& name, const std::string& text) {
    fs::create_directories(folder_ / name);
    std::ofstream(folder_ / name / "metrics.jsonl") << text;
    return folder_ / name;
  }
  std::string ErrorOf(const std::vector<std::string>& paths) {
    std::vector<std::string> notes;
    const auto logs = ReadRunMetrics(paths, &notes);
    EXPECT_FALSE(logs.ok());
    return std::string(logs.status().message());
  }
  fs::path folder_;
};

TEST_F(ReadLogs, FoldersAndFiles) {
  const std::string a = Run("a", Step(1, 4)), b = Run("ü b", Step(1, 4) + Step(2, 3));
  std::vector<std::string> notes;
  const auto logs = ReadRunMetrics({a + "/", b + "/metrics.jsonl"}, &notes);
  ASSERT_TRUE(logs.ok()) << logs.status();
  ASSERT_THAT(*logs, SizeIs(2));
  EXPECT_EQ((*logs)[0].name, "a");
  EXPECT_EQ((*logs)[1].name, "ü b");
  EXPECT_THAT((*logs)[1].rows, SizeIs(2));
  EXPECT_THAT(notes, IsEmpty());
}

TEST_F(ReadLogs, EmptyOnesAreLeftOutUnlessAllAre) {
  const std::string a = Run("a", Step(1, 4)), b = Run("b", "");
  std::vector<std::string> notes;
  const auto logs = ReadRunMetrics({b, a}, &notes);
  ASSERT_TRUE(logs.ok()) << logs.status();
  ASSERT_THAT(*logs, SizeIs(1));
  EXPECT_EQ((*logs)[0].name, "a");
  EXPECT_THAT(notes, ElementsAre(AllOf(HasSubstr(b), HasSubstr("no step"))));
  EXPECT_THAT(ErrorOf({b}), AllOf(HasSubstr(b), HasSubstr("no run has done a step yet")));
}

TEST_F(ReadLogs, WhatIsNoRunIsNamedWithTheWayOut) {
  const std::string a = Run("a", Step(1, 4)), bad = Run("bad", "text\n");
  EXPECT_THAT(ErrorOf({a, folder_ / "none"}),
              AllOf(HasSubstr((folder_ / "none").string()), HasSubstr("--output_dir")));
  EXPECT_THAT(ErrorOf({folder_}), AllOf(HasSubstr(folder_.string()), HasSubstr("metrics.jsonl")));
  EXPECT_THAT(ErrorOf({a, bad}), AllOf(HasSubstr(bad), HasSubstr("line 1")));
  EXPECT_THAT(ErrorOf({a, a + "/metrics.jsonl"}), HasSubstr("named twice"));
  EXPECT_THAT(ErrorOf({a + "/metrics.jsonl/x"}), HasSubstr("metrics.jsonl/x"));
  fs::create_directories(folder_ / "odd/metrics.jsonl");
  EXPECT_THAT(ErrorOf({folder_ / "odd"}), HasSubstr("odd"));
}

}  // namespace
}  // namespace tools
