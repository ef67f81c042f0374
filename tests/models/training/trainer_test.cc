#include "models/training/trainer.h"

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "absl/strings/match.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/data/image_io.h"
#include "models/droppos/droppos.h"
#include "models/training/event_log.h"
#include "models/training/safetensors.h"
#include "nlohmann/json.hpp"
#include "tests/models/training/read_events.h"
#include "tests/models/training/tiny_run.h"

namespace models {
namespace {

using ::testing::AllOf;
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

  // Runs to the end, from its newest checkpoint where `resume`; the log, or the error.
  absl::StatusOr<std::string> Run(const std::string& name, bool resume = false) {
    const std::string folder = TestPath(name);
    if (!resume) std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    options_.metrics_path = folder + "/metrics.jsonl";
    checkpoint_path_ = folder + "/checkpoint.safetensors";
    CheckpointStore checkpoints(folder, keep_);
    options_.checkpoints = &checkpoints;
    SessionOptions session_options = engine_.Options(options_.batch_size, options_.accum_iter);
    session_options.seed = options_.seed;
    session_options.step_every_micro_batch = options_.step_every_micro_batch;
    auto session = Session::Create(&model_, session_options);
    if (!session.ok()) return session.status();
    absl::StatusOr<NewestCheckpoint> newest = FindNewestCheckpoint(folder);
    options_.resume = nullptr;
    if (resume && newest.ok()) {
      const absl::Status restored = RestoreCheckpoint(newest->checkpoint, session->get());
      if (!restored.ok()) return restored;
      options_.resume = &newest->checkpoint.state;
    }
    std::ostringstream screen;
    RunLog log({&screen, false, {}});
    if (events_in_the_way_) std::ofstream(folder + "/tensorboard") << "a file";
    EventLog events(folder + "/tensorboard", &log);
    if (options_.resume != nullptr) events.GoOnBehind(*options_.resume, options_.metrics_path);
    options_.metrics_observer = &events;
    events_ = &events;
    const absl::Status status = Train(options_, model_, train_,
                                      with_held_out_ ? &held_out_ : nullptr, session->get(), &log);
    log_ = screen.str();
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
  KeepPolicy keep_;
  EventLog* events_ = nullptr;  // of the run at hand
  bool events_in_the_way_ = false;
  std::string checkpoint_path_;
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
  const auto checkpoint = SafetensorsFile::Read(checkpoint_path_);
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
  const auto checkpoint = SafetensorsFile::Read(checkpoint_path_);
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
  std::ostringstream screen;
  RunLog log({&screen, false, {}});
  const absl::Status status = Train(options_, model_, train_, nullptr, session->get(), &log);
  EXPECT_THAT(std::string(status.message()), HasSubstr("/no/such/folder/metrics.jsonl"));
}

// What TensorBoard is to show of these lines.
std::map<std::string, std::vector<std::pair<int64_t, float>>> AsScalars(
    const std::vector<Json>& metrics) {
  std::map<std::string, std::vector<std::pair<int64_t, float>>> scalars;
  for (const Json& line : metrics) {
    const bool step = line.contains("lr");
    for (const auto& [key, value] : line.items()) {
      if (key == "step" || (key == "epoch" && !step)) continue;
      std::string tag = step ? "train/" + key : "heldout/" + key;
      if (absl::StartsWith(key, "heldout_")) tag = "heldout/" + key.substr(8);
      scalars[tag].emplace_back(line["step"].get<int64_t>(), value.get<float>());
    }
  }
  return scalars;
}

// All bytes that a run leaves, but for the log and what is under `timing`.
struct Leavings {
  std::string model, optimizer;
  std::vector<Json> metrics;
  std::vector<std::pair<int64_t, std::string>> pictures;  // in the event files
  bool operator==(const Leavings& other) const {
    return model == other.model && optimizer == other.optimizer && metrics == other.metrics &&
           pictures == other.pictures;
  }
};

std::string Bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.good()) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

class ResumeTest : public TrainerTest {
 protected:
  ResumeTest() {
    options_.eval_every = 4;
    keep_.keep = 0;
    options_.vis_every = 5;
    options_.visualize = [this](int64_t step) {
      drawn_.push_back(step);
      const std::string path = TestPath("sheet.png");
      Image sheet = Image::Sized(4, 2);
      sheet.rgb[0] = static_cast<uint8_t>(step);
      const absl::Status status = WritePng(path, sheet);
      events_->AddPicture(step, path);
      return status;
    };
  }

  Leavings Left(const std::string& name, int64_t step) {
    const std::string folder = TestPath(name) + "/checkpoints/" + CheckpointName(step) + "/";
    Leavings left = {Bytes(folder + "model.safetensors"),
                     Bytes(folder + "optimizer.safetensors"),
                     Metrics(TestPath(name) + "/metrics.jsonl"),
                     {}};
    // However often the run was gone on with, TensorBoard shows what metrics.jsonl has, once.
    ShownEvents shown = ReadEventFolder(TestPath(name) + "/tensorboard");
    EXPECT_EQ(shown.error, "");
    EXPECT_EQ(shown.scalars.count("timing/images_per_s"), 1u);
    for (auto it = shown.scalars.begin(); it != shown.scalars.end();) {
      it = absl::StartsWith(it->first, "timing/") ? shown.scalars.erase(it) : std::next(it);
    }
    EXPECT_EQ(shown.scalars, AsScalars(left.metrics));
    left.pictures = shown.pictures[kPositionsTag];
    return left;
  }

  // As a run that is ended after `step`: what it did behind its newest checkpoint is lost.
  void RunUntil(const std::string& name, int64_t step, bool resume) {
    options_.steps = step;
    const auto log = Run(name, resume);
    ASSERT_TRUE(log.ok()) << log.status();
    options_.steps = -1;
  }

  std::vector<int64_t> drawn_;
};

TEST_F(ResumeTest, ARunThatStoppedAnywhereEndsAsOneThatNeverDid) {
  ASSERT_TRUE(Run("whole").ok());
  const Leavings whole = Left("whole", 18);
  EXPECT_EQ(drawn_, (std::vector<int64_t>{5, 10, 15, 18}));
  ASSERT_EQ(whole.pictures.size(), 4u);
  EXPECT_EQ(whole.pictures[1].first, 10);
  for (int64_t stop = 1; stop < 18; ++stop) {
    RunUntil("stopped", stop, /*resume=*/false);
    ASSERT_TRUE(Run("stopped", /*resume=*/true).ok());
    EXPECT_TRUE(Left("stopped", 18) == whole) << "stopped after step " << stop;
  }
  RunUntil("often", 2, false);
  for (int64_t stop : {3, 7, 12, 13}) RunUntil("often", stop, true);
  ASSERT_TRUE(Run("often", true).ok());
  EXPECT_TRUE(Left("often", 18) == whole);
}

TEST_F(ResumeTest, WorkersMayChangeAndBadImagesShiftNothing) {
  train_ = GradientImages(50, /*first_bad=*/48);
  options_.num_workers = 2;
  ASSERT_TRUE(Run("whole").ok());
  const Leavings whole = Left("whole", 18);
  for (int64_t stop : {1, 4, 5, 8, 11}) {
    RunUntil("stopped", stop, false);
    options_.num_workers = static_cast<int>(stop % 3);
    ASSERT_TRUE(Run("stopped", true).ok());
    EXPECT_TRUE(Left("stopped", 18) == whole) << "stopped after step " << stop;
  }
}

TEST_F(ResumeTest, AccumulationOfBothKindsGoesOn) {
  options_.accum_iter = 4;
  for (bool published : {false, true}) {
    options_.step_every_micro_batch = published;
    const int64_t steps = published ? 6 : 3;
    ASSERT_TRUE(Run("whole").ok());
    const Leavings whole = Left("whole", steps);
    for (int64_t stop = 1; stop < steps; ++stop) {
      RunUntil("stopped", stop, false);
      ASSERT_TRUE(Run("stopped", true).ok());
      EXPECT_TRUE(Left("stopped", steps) == whole) << published << " " << stop;
    }
  }
}

TEST_F(ResumeTest, WhatAKilledRunWroteBehindItsCheckpointGoes) {
  ASSERT_TRUE(Run("whole").ok());
  const Leavings whole = Left("whole", 18);
  RunUntil("killed", 9, false);
  std::ofstream(TestPath("killed") + "/metrics.jsonl", std::ios::app)
      << "{\"step\":10,\"loss\":1,\"timing\":{}}\n{\"step\":11,\"lo";
  ASSERT_TRUE(Run("killed", true).ok());
  EXPECT_TRUE(Left("killed", 18) == whole);
}

TEST_F(ResumeTest, ASignalSavesAndTheRestIsDoneByTheResumedRun) {
  ASSERT_TRUE(Run("whole").ok());
  const Leavings whole = Left("whole", 18);
  for (int64_t at : {6, 8, 11, 18}) {  // an epoch's end, an evaluation, neither, the run's end
    std::atomic<bool> stop{false};
    int64_t steps = 0;
    options_.stop = &stop;
    options_.how_to_go_on = "the way";
    options_.step_done = [&] {
      stop = ++steps == at;
      return absl::OkStatus();
    };
    const auto stopped = Run("stopped");
    ASSERT_TRUE(stopped.ok()) << stopped.status();
    EXPECT_THAT(*stopped, HasSubstr("stopped by a signal after step " + std::to_string(at) +
                                    "; to go on: the way"));
    options_.stop = nullptr;
    options_.step_done = nullptr;
    ASSERT_TRUE(Run("stopped", true).ok());
    EXPECT_TRUE(Left("stopped", 18) == whole) << at;
  }
}

// Broken off, or just done when the signal came: the next step must not begin.
TEST_F(ResumeTest, ASignalEndsAnEvaluationWhichTheResumedRunDoes) {
  std::atomic<bool> stop{false};
  int calls = 0, stop_at = 0;
  bool break_off = false;
  options_.also_evaluate = [&]() -> absl::StatusOr<MetricList> {
    stop = ++calls == stop_at;
    if (stop && break_off) return absl::CancelledError("stopped");
    return MetricList{{"more", 0.5}};
  };
  options_.stop = &stop;
  ASSERT_TRUE(Run("whole").ok());
  const Leavings whole = Left("whole", 18);
  ASSERT_EQ(calls, 5);  // after steps 4, 8, 12, 16 and 18
  const std::pair<int, int> stops[] = {{1, 4}, {3, 12}, {5, 18}};
  for (const bool off : {true, false}) {
    break_off = off;
    for (const auto& [call, step] : stops) {
      calls = 0;
      stop_at = call;
      const std::string said = "stopped by a signal after step " + std::to_string(step);
      const auto stopped = Run("stopped");
      ASSERT_TRUE(stopped.ok()) << stopped.status();
      EXPECT_THAT(*stopped, HasSubstr(said));
      // Once more, in the evaluation that came again.
      calls = 0;
      stop_at = 1;
      stop = false;
      const auto again = Run("stopped", true);
      ASSERT_TRUE(again.ok()) << again.status();
      EXPECT_THAT(*again, HasSubstr(said));
      stop_at = 0;
      stop = false;
      ASSERT_TRUE(Run("stopped", true).ok());
      EXPECT_TRUE(Left("stopped", 18) == whole) << off << " " << step;
    }
  }
}

TEST_F(ResumeTest, AFinishedRunResumedDoesNothingNew) {
  ASSERT_TRUE(Run("whole").ok());
  const Leavings whole = Left("whole", 18);
  ASSERT_TRUE(Run("whole", true).ok());
  EXPECT_TRUE(Left("whole", 18) == whole);
}

TEST_F(ResumeTest, OtherDataAndFewerStepsAreRefused) {
  RunUntil("a", 8, false);
  options_.steps = 7;
  EXPECT_THAT(std::string(Run("a", true).status().message()),
              HasSubstr("--steps=7 is behind the checkpoint, which has 8 steps"));
  options_.steps = -1;
  train_ = GradientImages(49);
  EXPECT_THAT(std::string(Run("a", true).status().message()),
              HasSubstr("the training images are not those of the run: 50 then, 49 now"));
  train_ = GradientImages(50);
  held_out_ = GradientImages(10);
  EXPECT_THAT(std::string(Run("a", true).status().message()), HasSubstr("held-out images"));
}

// Saved only behind the evaluation of its step, which the resumed run does again.
TEST_F(ResumeTest, WhatWasMeasuredBeforeAnErrorIsThereOnce) {
  options_.eval_every = 5;
  ASSERT_TRUE(Run("whole").ok());
  const Leavings whole = Left("whole", 18);
  const auto draw = options_.visualize;
  options_.visualize = [](int64_t) { return absl::UnknownError("no room"); };
  const absl::Status failed = Run("failed").status();
  EXPECT_EQ(failed.message(), "after step 5: no room");
  EXPECT_THAT(log_, AllOf(HasSubstr("step 5  held out:"), HasSubstr("step_00000005")));
  options_.visualize = draw;
  ASSERT_TRUE(Run("failed", true).ok());
  EXPECT_TRUE(Left("failed", 18) == whole);
}

TEST_F(ResumeTest, EventsThatCannotBeWrittenAreAWarningAndTheRunGoesOn) {
  ASSERT_TRUE(Run("whole").ok());
  const std::string model = Left("whole", 18).model;
  events_in_the_way_ = true;
  const auto log = Run("no_events");
  ASSERT_TRUE(log.ok()) << log.status();
  const std::string warning = "warning: no more events for TensorBoard: cannot make ";
  const size_t at = log->find(warning + TestPath("no_events") + "/tensorboard");
  ASSERT_NE(at, std::string::npos) << *log;
  EXPECT_EQ(log->find(warning, at + 1), std::string::npos) << "said once";
  EXPECT_EQ(Bytes(TestPath("no_events") + "/checkpoints/step_00000018/model.safetensors"), model);
}

TEST_F(ResumeTest, ANaNSavesTheStepBeforeIt) {
  options_.schedule = {1e30, 1e30, 0, 3};
  ASSERT_FALSE(Run("nan").ok());
  const auto newest = FindNewestCheckpoint(TestPath("nan"));
  ASSERT_TRUE(newest.ok()) << newest.status();
  const int64_t saved = newest->checkpoint.state.step;
  // It happens again, at the same step.
  ASSERT_FALSE(Run("nan", true).ok());
  EXPECT_EQ(FindNewestCheckpoint(TestPath("nan"))->checkpoint.state.step, saved);
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
