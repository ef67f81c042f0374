#include "models/training/metrics.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include <cmath>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "graph/base/random.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace models {
namespace {

using ::testing::HasSubstr;

std::string TestPath(const std::string& name) {
  return std::string(std::getenv("TEST_TMPDIR")) + "/" + name;
}

std::string Contents(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(Metrics, TrainLineHasTheKeysInOrder) {
  EXPECT_EQ(MetricsLine(TrainMetrics{7,
                                     0.5,
                                     4.25,
                                     {{"pos_acc1", 0.125}, {"pos_acc1_weighted", 0.25}},
                                     0.0,
                                     3.5,
                                     {{"s", 0.1}, {"a", 2}},
                                     /*skipped=*/1,
                                     /*clipped=*/3}),
            "{\"kind\":\"train\",\"step\":7,\"epoch\":0.5,\"loss\":4.25,\"pos_acc1\":0.125,"
            "\"pos_acc1_weighted\":0.25,\"lr\":0.0,\"grad_norm\":3.5,\"clipped\":3,\"skipped\":1,"
            "\"time_s\":0.1,\"time_a\":2.0}\n");
}

TEST(Metrics, EvalLineHasTheKeysInOrder) {
  EXPECT_EQ(MetricsLine(EvalMetrics{2,
                                    14,
                                    {{"heldout_pos_acc1", 0.75, Unit::kShare, 0.015625},
                                     {"z", 0.5},
                                     {"knn_acc1", 0.5, Unit::kShare, 0.1}},
                                    0.015625,
                                    {{"s", 2}}}),
            "{\"kind\":\"eval\",\"step\":14,\"epoch\":2.0,\"heldout_pos_acc1\":0.75,\"z\":0.5,"
            "\"knn_acc1\":0.5,\"chance\":0.015625,\"knn_acc1_chance\":0.1,\"time_s\":2.0}\n");
}

TEST(Metrics, NonFiniteNumbersAreNull) {
  TrainMetrics metrics;
  metrics.loss = std::nan("");
  metrics.grad_norm = std::numeric_limits<double>::infinity();
  metrics.timing = {{"eta", -std::numeric_limits<double>::infinity()}};
  const auto line = nlohmann::json::parse(MetricsLine(metrics));
  EXPECT_TRUE(line["loss"].is_null());
  EXPECT_TRUE(line["grad_norm"].is_null());
  EXPECT_TRUE(line["time_eta"].is_null());
  EXPECT_EQ(line["lr"], 0.0);
}

TEST(Metrics, NumbersReadBackEqual) {
  graph::RandomStream random(11, graph::Purpose::kNoise);
  TrainMetrics metrics;
  for (int i = 0; i < 2000; ++i) {
    metrics.loss = std::ldexp(random.Uniform(-1, 1), static_cast<int>(random.Below(400)) - 200);
    metrics.lr = static_cast<float>(random.Uniform());
    const auto line = nlohmann::json::parse(MetricsLine(metrics));
    ASSERT_EQ(line["loss"].get<double>(), metrics.loss);
    ASSERT_EQ(line["lr"].get<double>(), metrics.lr);
  }
}

TEST(Metrics, AFileThatARunDidNotWriteIsRefused) {
  const std::string path = TestPath("refused.jsonl");
  auto writer = MetricsWriter::Create(path);
  ASSERT_TRUE(writer.ok());
  TrainMetrics step;
  step.step = 3;
  ASSERT_TRUE(writer->Write(step).ok());
  const int64_t behind_step = writer->bytes();
  ASSERT_TRUE(writer->Write(EvalMetrics{1, 3, {{"x", 0.5}}, 0, {}}).ok());
  const auto check = [&](int64_t bytes, int64_t at) {
    return std::string(MetricsWriter::CheckResume(path, bytes, at).message());
  };
  EXPECT_EQ(check(behind_step, 3), "");
  EXPECT_EQ(check(0, 3), "");
  EXPECT_THAT(check(behind_step, 4), HasSubstr("step 3 ends, not that of step 4"));
  EXPECT_THAT(check(writer->bytes(), 3), HasSubstr("no step's line ends"));
  EXPECT_THAT(check(behind_step - 1, 3), HasSubstr("no line ends"));
  EXPECT_TRUE(MetricsWriter::CheckResume(TestPath("gone.jsonl"), 99, 3).ok());
}

TEST(Metrics, AStepIsReadBackFromWhereItsLineEnds) {
  const std::string path = TestPath("back.jsonl");
  auto writer = MetricsWriter::Create(path);
  ASSERT_TRUE(writer.ok());
  EXPECT_EQ(ReadStepEndingAt(path, 0).status().code(), absl::StatusCode::kNotFound);
  for (int step = 1; step <= 600; ++step) {  // more than is read of a file at once
    TrainMetrics m{step, 0.1 * step, 1.0 / step, {{"pos_acc1", 0.3}}, 1e-4, 3.5, {{"s", 0.25}}};
    if (step > 598) m.model.insert(m.model.begin(), {"x", std::nan("")});
    ASSERT_TRUE(writer->Write(m).ok());
    const absl::StatusOr<TrainMetrics> back = ReadStepEndingAt(path, writer->bytes());
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(back->step, step);
    EXPECT_EQ(MetricsLine(*back), MetricsLine(m));
    EXPECT_FALSE(ReadStepEndingAt(path, writer->bytes() - 1).ok());
    EXPECT_FALSE(ReadStepEndingAt(path, writer->bytes() + 1).ok());
  }
  EXPECT_FALSE(ReadStepEndingAt(path, -5).ok());
  ASSERT_TRUE(writer->Write(EvalMetrics{1, 600, {{"heldout_x", 1}}, 0, {}}).ok());
  EXPECT_FALSE(ReadStepEndingAt(path, writer->bytes()).ok());
}

// A run of an earlier version is resumed.
TEST(Metrics, AnEarlierVersionsStepIsRead) {
  const std::string line =
      R"({"step":1,"epoch":0.5,"loss":2,"pos_acc1":0.5,"lr":0.1,"grad_norm":1,"bad_images":3,)"
      R"("timing":{"s":1}})";
  const std::string path = TestPath("old.jsonl");
  std::ofstream(path) << line << "\n";
  const auto back = ReadStepEndingAt(path, static_cast<int64_t>(line.size()) + 1);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(MetricsLine(*back), MetricsLine(TrainMetrics{1,
                                                         0.5,
                                                         2,
                                                         {{"pos_acc1", 0.5}},
                                                         0.1,
                                                         1,
                                                         {{"s", 1}},
                                                         /*skipped=*/3,
                                                         /*clipped=*/0}));
}

TEST(Metrics, WhatIsNoStepIsNotReadAsOne) {
  const std::string good =
      R"({"kind":"train","step":1,"epoch":0.5,"loss":2,"pos_acc1":0.5,"lr":0.1,"grad_norm":1,)"
      R"("clipped":0,"time_s":1})";
  const std::string path = TestPath("bad.jsonl");
  const auto read = [&path](const std::string& line) {
    std::ofstream(path) << line << "\n";
    return ReadStepEndingAt(path, static_cast<int64_t>(line.size()) + 1).ok();
  };
  EXPECT_TRUE(read(good));
  for (const auto& [from, to] :
       std::vector<std::pair<std::string, std::string>>{{"\"step\":1", "\"step\":1.5"},
                                                        {"\"step\":1", "\"step\":\"1\""},
                                                        {"\"loss\":2,", ""},
                                                        {"\"loss\":2", "\"loss\":\"2\""},
                                                        {"\"pos_acc1\":0.5", "\"pos_acc1\":[0.5]"},
                                                        {"\"train\"", "\"eval\""},
                                                        {"\"kind\":\"train\",", ""},
                                                        {"\"clipped\":0", "\"clipped\":0.5"},
                                                        {"_s\":1", "_s\":\"1\""},
                                                        {"_s\":1", "_s\":{}"},
                                                        {"{\"kind", "[\"kind"},
                                                        {"1}", "1"}}) {
    std::string bad = good;
    bad.replace(bad.find(from), from.size(), to);
    EXPECT_FALSE(read(bad)) << bad;
  }
  EXPECT_FALSE(read(""));
  EXPECT_FALSE(read("null"));
  EXPECT_FALSE(read("[]"));
  EXPECT_FALSE(ReadStepEndingAt(TestPath("none.jsonl"), 10).ok());
}

TEST(Metrics, EachLineIsInTheFileWhenWriteReturns) {
  const std::string path = TestPath("flushed.jsonl");
  auto writer = MetricsWriter::Create(path);
  ASSERT_TRUE(writer.ok()) << writer.status();
  std::string want;
  for (int step = 1; step <= 3; ++step) {
    const TrainMetrics train{step, 0.1 * step, 1.0 / step, {}, 0, 0, {}};
    ASSERT_TRUE(writer->Write(train).ok());
    EXPECT_EQ(Contents(path), want += MetricsLine(train));
    const EvalMetrics eval{0.1 * step, step, {{"heldout_pos_acc1", 0.5}}, 0.25, {}};
    ASSERT_TRUE(writer->Write(eval).ok());
    EXPECT_EQ(Contents(path), want += MetricsLine(eval));
  }
  MetricsWriter moved = std::move(writer).value();
  ASSERT_TRUE(moved.Write(TrainMetrics{}).ok());
  EXPECT_EQ(Contents(path), want + MetricsLine(TrainMetrics{}));
  // Made anew, not appended to.
  ASSERT_TRUE(MetricsWriter::Create(path).ok());
  EXPECT_EQ(Contents(path), "");
}

TEST(Metrics, UnwritablePathsAreNamed) {
  const std::string path = TestPath("no/such/folder/m.jsonl");
  const auto missing = MetricsWriter::Create(path);
  ASSERT_FALSE(missing.ok());
  EXPECT_THAT(std::string(missing.status().message()), HasSubstr("cannot write " + path));
  EXPECT_FALSE(MetricsWriter::Create(TestPath("")).ok());  // a folder
}

// A bug once: a pipe in a run's folder hung whoever went on with the run.
TEST(Metrics, WhatIsNoFileIsNotReadOrWritten) {
  const std::string path = TestPath("pipe.jsonl");
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  for (const absl::Status& status :
       {MetricsWriter::CheckResume(path, 10, 1), MetricsWriter::Resume(path, 10).status(),
        MetricsWriter::Create(path).status(), ReadStepEndingAt(path, 10).status()}) {
    EXPECT_THAT(std::string(status.message()), HasSubstr(path));
  }
}

// A limit on file sizes stands for a disk that fills up in the middle of a line.
TEST(Metrics, FullDiskLeavesWholeLines) {
  const std::string path = TestPath("limited.jsonl");
  auto writer = MetricsWriter::Create(path);
  ASSERT_TRUE(writer.ok());
  ASSERT_TRUE(writer->Write(TrainMetrics{}).ok());
  const std::string line = MetricsLine(TrainMetrics{});
  rlimit old;
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small = {line.size() + 20, old.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const absl::Status status = writer->Write(TrainMetrics{});
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &old), 0);
  std::signal(SIGXFSZ, handler);
  EXPECT_FALSE(status.ok());
  EXPECT_EQ(Contents(path), line);
  EXPECT_TRUE(writer->Write(TrainMetrics{}).ok());
  EXPECT_EQ(Contents(path), line + line);
}

}  // namespace
}  // namespace models
