#include "models/training/trainer.h"

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/droppos/droppos.h"
#include "models/training/safetensors.h"
#include "nlohmann/json.hpp"
#include "tests/models/training/tiny_run.h"

namespace models {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

std::string TestPath(const std::string& name) {
  return std::string(std::getenv("TEST_TMPDIR")) + "/" + name;
}

// Lines of a metrics file without what is not reproducible.
std::vector<Json> Metrics(const std::string& path) {
  std::ifstream file(path);
  std::vector<Json> lines;
  for (std::string line; std::getline(file, line);) {
    lines.push_back(Json::parse(line));
    EXPECT_TRUE(lines.back().contains("timing"));
    lines.back().erase("timing");
  }
  return lines;
}

class TrainerTest : public ::testing::Test {
 protected:
  TrainerTest() : model_(TinyModelConfig(), TinyDropPosConfig(true)), train_(50), held_out_(9) {
    options_.schedule = {1e-3, 0, 0.5, 3};
    options_.batch_size = 8;
    options_.seed = 5;
    options_.print_every = 2;
  }

  // Runs to the end; the log, or the error.
  absl::StatusOr<std::string> Run(const std::string& name) {
    options_.metrics_path = TestPath(name + ".jsonl");
    options_.checkpoint_path = TestPath(name + ".safetensors");
    SessionOptions session_options = engine_.Options(options_.batch_size, options_.accum_iter);
    session_options.seed = options_.seed;
    session_options.step_every_micro_batch = options_.step_every_micro_batch;
    auto session = Session::Create(&model_, session_options);
    if (!session.ok()) return session.status();
    std::ostringstream log;
    const absl::Status status = Train(options_, model_, train_,
                                      with_held_out_ ? &held_out_ : nullptr, session->get(), &log);
    log_ = log.str();
    updates_ = (*session)->workspace()->Find(kStepState)->as<int32_t>()[0];
    if (!status.ok()) return status;
    return log_;
  }

  TinyEngine engine_;
  DropPos model_;
  GradientImages train_;
  GradientImages held_out_;
  bool with_held_out_ = true;
  TrainerOptions options_;
  std::string log_;
  int updates_ = 0;  // of the optimizer, by its own count
};

TEST_F(TrainerTest, WritesOneLineAStepAndOneAnEvaluation) {
  const auto log = Run("lines");
  ASSERT_TRUE(log.ok()) << log.status();
  const std::vector<Json> lines = Metrics(options_.metrics_path);
  ASSERT_EQ(lines.size(), 3u * (6 + 1));  // 50 / 8 steps and one evaluation an epoch
  EXPECT_EQ(lines[0]["step"], 1);
  EXPECT_EQ(lines[0]["lr"], 0.0);  // the first step of the warm-up
  for (const char* key :
       {"step", "epoch", "loss", "pos_acc1", "pos_acc1_weighted", "lr", "grad_norm"}) {
    EXPECT_TRUE(lines[0].contains(key)) << key;
  }
  EXPECT_EQ(lines[6]["step"], 6);
  EXPECT_EQ(lines[6]["epoch"], 1.0);
  EXPECT_EQ(lines[6]["chance"], 1.0 / 16);
  EXPECT_TRUE(lines[6].contains("heldout_pos_acc1"));
  EXPECT_TRUE(lines[6].contains("heldout_pos_acc1_all_dropped"));
  for (const char* text : {"epoch 0 [1/6]", "eta ", "loss ", "pos_acc1 ", "pos_acc1_weighted ",
                           "lr ", "grad_norm ", "(clipped ", "images/s", "held out:", "saved "}) {
    EXPECT_THAT(*log, HasSubstr(text));
  }
  const auto checkpoint = SafetensorsFile::Read(options_.checkpoint_path);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  EXPECT_EQ(checkpoint->metadata().at("step"), "18");
  EXPECT_TRUE(checkpoint->tensors().count("decoder_pred.weight"));
}

TEST_F(TrainerTest, StepsEndsTheRunAndLeavesTheScheduleAlone) {
  ASSERT_TRUE(Run("full").ok());
  const std::vector<Json> full = Metrics(options_.metrics_path);
  options_.steps = 8;
  ASSERT_TRUE(Run("short").ok());
  const std::vector<Json> cut = Metrics(options_.metrics_path);
  ASSERT_EQ(cut.size(), 8u + 2);  // evaluated after the epoch and at the end
  for (size_t i = 0; i < 9; ++i) EXPECT_EQ(cut[i], full[i]) << i;
}

TEST_F(TrainerTest, ResultsDoNotDependOnLoaderThreads) {
  std::vector<Json> first;
  for (int workers : {0, 1, 3}) {
    options_.num_workers = workers;
    ASSERT_TRUE(Run("workers").ok());
    const std::vector<Json> lines = Metrics(options_.metrics_path);
    if (workers == 0) first = lines;
    EXPECT_EQ(lines, first) << workers << " workers";
  }
  options_.seed = 6;
  ASSERT_TRUE(Run("workers").ok());
  EXPECT_NE(Metrics(options_.metrics_path), first);
}

TEST_F(TrainerTest, EvaluatesEveryNSteps) {
  options_.eval_every = 4;
  options_.steps = 10;
  ASSERT_TRUE(Run("eval").ok());
  std::vector<int> at;
  for (const Json& line : Metrics(options_.metrics_path)) {
    if (line.contains("chance")) at.push_back(line["step"]);
  }
  EXPECT_EQ(at, (std::vector<int>{4, 6, 8, 10}));
}

TEST_F(TrainerTest, AccumulationDropsWhatFillsNoWindow) {
  options_.accum_iter = 4;
  options_.steps = 2;
  ASSERT_TRUE(Run("accum").ok());
  const std::vector<Json> lines = Metrics(options_.metrics_path);
  EXPECT_EQ(lines[0]["epoch"], 1.0);  // floor(50 / 32) = 1 window an epoch
}

// 50 images are 6 micro-batches: a window of 4 and, as published, one of the other 2.
TEST_F(TrainerTest, PublishedAccumulationTrainsOnTheRemainderToo) {
  options_.accum_iter = 4;
  options_.step_every_micro_batch = true;
  ASSERT_TRUE(Run("published").ok());
  const std::vector<Json> lines = Metrics(options_.metrics_path);
  ASSERT_EQ(lines.size(), 3u * (2 + 1));
  EXPECT_EQ(lines[2]["step"], 2);
  EXPECT_EQ(lines[2]["epoch"], 1.0);
  EXPECT_EQ(updates_, 3 * 6);
  options_.step_every_micro_batch = false;
  ASSERT_TRUE(Run("window").ok());
  EXPECT_EQ(updates_, 3 * 1);
}

TEST_F(TrainerTest, ItIsSavedBeforeItIsEvaluated) {
  const auto log = Run("order");
  ASSERT_TRUE(log.ok()) << log.status();
  const size_t saved = log->find("saved "), evaluated = log->find("held out:");
  EXPECT_LT(saved, evaluated);
  // Once for each epoch, the last one included.
  size_t count = 0;
  for (size_t at = 0; (at = log->find("saved ", at)) != std::string::npos; ++at) ++count;
  EXPECT_EQ(count, 3u);
}

TEST_F(TrainerTest, WorksWithoutHeldOutImages) {
  with_held_out_ = false;
  options_.steps = 2;
  const auto log = Run("alone");
  ASSERT_TRUE(log.ok()) << log.status();
  EXPECT_EQ(log->find("held out"), std::string::npos);
}

TEST_F(TrainerTest, ABatchLargerThanTheDataIsRefused) {
  options_.batch_size = 51;
  const auto log = Run("large");
  ASSERT_FALSE(log.ok());
  EXPECT_THAT(std::string(log.status().message()), HasSubstr("more than the 50 training images"));
}

TEST_F(TrainerTest, ALossThatIsNotFiniteNamesStepAndBlobAndKeepsTheLastGoodParameters) {
  // So large a rate that the second step's products overflow.
  options_.schedule = {1e30, 1e30, 0, 3};
  const auto log = Run("nan");
  ASSERT_FALSE(log.ok());
  EXPECT_THAT(std::string(log.status().message()), HasSubstr("step "));
  EXPECT_THAT(std::string(log.status().message()), HasSubstr("first non-finite blob"));
  const auto checkpoint = SafetensorsFile::Read(options_.checkpoint_path);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
}

TEST_F(TrainerTest, BadImagesBeyondTheShareStopTheRunAndAreNamed) {
  train_ = GradientImages(50, /*first_bad=*/30);
  const auto log = Run("bad");
  ASSERT_FALSE(log.ok());
  EXPECT_THAT(log_, HasSubstr("skipped an image"));
  EXPECT_THAT(log_, HasSubstr("broken on purpose"));
}

TEST_F(TrainerTest, AnUnwritableFolderIsNamed) {
  options_.metrics_path = "/no/such/folder/metrics.jsonl";
  auto session = Session::Create(&model_, engine_.Options(8));
  ASSERT_TRUE(session.ok());
  std::ostringstream log;
  const absl::Status status = Train(options_, model_, train_, nullptr, session->get(), &log);
  EXPECT_THAT(std::string(status.message()), HasSubstr("/no/such/folder/metrics.jsonl"));
}

TEST(StepsPerEpoch, CountsWholeWindows) {
  EXPECT_EQ(*StepsPerEpoch(100, 8, 3), 4);
  EXPECT_EQ(*StepsPerEpoch(24, 8, 3), 1);
  EXPECT_FALSE(StepsPerEpoch(23, 8, 3).ok());
  EXPECT_EQ(*StepsPerEpoch(100, 8, 5, /*short_window=*/true), 3);  // 12 micro-batches
  EXPECT_EQ(*StepsPerEpoch(23, 8, 3, true), 1);
  EXPECT_FALSE(StepsPerEpoch(7, 8, 3, true).ok());
}

}  // namespace
}  // namespace models
