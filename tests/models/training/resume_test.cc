// Runs that ended somewhere and are gone on with: they end as the run that never stopped.
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <new>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "graph/runtime/executable.h"
#include "gtest/gtest.h"
#include "models/data/image_io.h"
#include "tests/models/training/read_events.h"
#include "tests/models/training/trainer_fixture.h"

namespace models {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Json = nlohmann::json;

// What TensorBoard is to show of these lines.
std::map<std::string, std::vector<std::pair<int64_t, float>>> AsScalars(
    const std::vector<Json>& metrics) {
  std::map<std::string, std::vector<std::pair<int64_t, float>>> scalars;
  for (const Json& line : metrics) {
    const bool step = line["kind"] == "train";
    for (const auto& [key, value] : line.items()) {
      if (key == "kind" || key == "step" || (key == "epoch" && !step)) continue;
      std::string tag = step ? "train/" + key : "heldout/" + key;
      if (absl::StartsWith(key, "heldout_")) tag = "heldout/" + key.substr(8);
      scalars[tag].emplace_back(line["step"].get<int64_t>(), value.get<float>());
    }
  }
  return scalars;
}

// All bytes that a run leaves, but for the log and the times.
struct Leavings {
  std::string model, optimizer;
  std::vector<Json> metrics;
  std::vector<std::pair<int64_t, std::string>> pictures;  // in the event files
  // What a checkpoint knows that no tensor shows.
  int64_t bad_images = 0;
  std::map<std::string, std::string> notes;
  bool operator==(const Leavings& other) const {
    return model == other.model && optimizer == other.optimizer && metrics == other.metrics &&
           pictures == other.pictures && bad_images == other.bad_images && notes == other.notes;
  }
};

class ResumeTest : public TrainerTest {
 protected:
  ResumeTest() {
    options_.eval_every = 4;
    keep_.keep = 0;
    options_.vis_every = 5;
    hooks_.draw = [this](int64_t step) -> absl::StatusOr<Picture> {
      drawn_.push_back(step);
      const std::string path = TestPath("sheet.png");
      Image sheet = Image::Sized(4, 2);
      sheet.rgb[0] = static_cast<uint8_t>(step);
      const absl::Status status = WritePng(path, sheet);
      if (!status.ok()) return status;
      return Picture{path, "drawn", "a sheet"};
    };
  }

  Leavings Left(const std::string& name, int64_t step) {
    const std::string folder = TestPath(name) + "/checkpoints/" + CheckpointName(step) + "/";
    Leavings left;
    left.model = Bytes(folder + "model.safetensors");
    left.optimizer = Bytes(folder + "optimizer.safetensors");
    left.metrics = Metrics(TestPath(name) + "/metrics.jsonl");
    const auto checkpoint = OpenCheckpoint(folder);
    EXPECT_TRUE(checkpoint.ok()) << checkpoint.status();
    left.bad_images = checkpoint->state.bad_images;
    left.notes = checkpoint->state.notes;
    // However often the run was gone on with, TensorBoard shows what metrics.jsonl has, once.
    ShownEvents shown = ReadEventFolder(TestPath(name) + "/tensorboard");
    EXPECT_EQ(shown.error, "");
    EXPECT_EQ(shown.scalars.count("timing/images_per_s"), 1u);
    for (auto it = shown.scalars.begin(); it != shown.scalars.end();) {
      it = absl::StartsWith(it->first, "timing/") ? shown.scalars.erase(it) : std::next(it);
    }
    EXPECT_EQ(shown.scalars, AsScalars(left.metrics));
    left.pictures = shown.pictures["drawn"];
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
  // The spike detector's losses.
  EXPECT_EQ(
      std::count(whole.notes.at("last_losses").begin(), whole.notes.at("last_losses").end(), ' '),
      18 - 1);
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
  options_.loader.num_workers = 2;
  ASSERT_TRUE(Run("whole").ok());
  const Leavings whole = Left("whole", 18);
  for (int64_t stop : {1, 4, 5, 8, 11}) {
    RunUntil("stopped", stop, false);
    options_.loader.num_workers = static_cast<int>(stop % 3);
    ASSERT_TRUE(Run("stopped", true).ok());
    EXPECT_TRUE(Left("stopped", 18) == whole) << "stopped after step " << stop;
  }
  EXPECT_EQ(whole.bad_images, 2 * 3);
  // Of three runs of the program the last one counts what the first two met.
  RunUntil("often", 7, false);
  RunUntil("often", 13, true);
  ASSERT_TRUE(Run("often", true).ok());
  EXPECT_TRUE(Left("often", 18) == whole);
}

TEST_F(ResumeTest, AccumulationOfBothKindsGoesOn) {
  step_.micro_batches = 4;
  for (bool published : {false, true}) {
    step_.update_when = published ? UpdateWhen::kMicroStep : UpdateWhen::kWindow;
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
    options_.how_to_go_on = [] { return "the way"; };
    hooks_.step_done = [&] { stop = ++steps == at; };
    const auto stopped = Run("stopped");
    ASSERT_TRUE(stopped.ok()) << stopped.status();
    EXPECT_THAT(*stopped, HasSubstr("stopped by a signal after step " + std::to_string(at) +
                                    "; to go on: the way"));
    options_.stop = nullptr;
    hooks_.step_done = nullptr;
    ASSERT_TRUE(Run("stopped", true).ok());
    EXPECT_TRUE(Left("stopped", 18) == whole) << at;
  }
}

// Broken off, or just done when the signal came: the next step must not begin.
TEST_F(ResumeTest, ASignalEndsAnEvaluationWhichTheResumedRunDoes) {
  std::atomic<bool> stop{false};
  int calls = 0, stop_at = 0;
  bool break_off = false;
  hooks_.evaluate = [&]() -> absl::StatusOr<MetricList> {
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
              HasSubstr("--steps=7 is before the checkpoint, which has 8 steps"));
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
  options_.eval_every = 3;
  ASSERT_TRUE(Run("whole").ok());
  const Leavings whole = Left("whole", 18);
  train_ = GradientImages(50, /*first_bad=*/49);
  options_.loader.stop_at_bad_image = true;
  // The image comes in the fourth batch.
  EXPECT_THAT(std::string(Run("failed").status().message()),
              AllOf(HasSubstr("after step 3: "), HasSubstr("broken on purpose")));
  EXPECT_THAT(log_, AllOf(HasSubstr("step 3  held out:"), HasSubstr("step_00000003")));
  train_ = GradientImages(50);
  ASSERT_TRUE(Run("failed", true).ok());
  EXPECT_TRUE(Left("failed", 18) == whole);
}

TEST_F(ResumeTest, APictureThatCannotBeDrawnIsAWarning) {
  ASSERT_TRUE(Run("whole").ok());
  Leavings whole = Left("whole", 18);
  const auto draw = hooks_.draw;
  hooks_.draw = [&draw](int64_t step) -> absl::StatusOr<Picture> {
    if (step == 5) return absl::UnknownError("no room");
    if (step == 10) throw std::bad_alloc();
    return draw(step);
  };
  const auto log = Run("undrawn");
  ASSERT_TRUE(log.ok()) << log.status();
  EXPECT_THAT(*log, AllOf(HasSubstr("warning: no picture of step 5: no room; training goes on\n"),
                          HasSubstr("warning: no picture of step 10: out of memory: ")));
  whole.pictures.erase(whole.pictures.begin(), whole.pictures.begin() + 2);
  EXPECT_TRUE(Left("undrawn", 18) == whole);
}

// What was learned is saved, unless memory ran out within an update.
TEST_F(ResumeTest, MemoryThatRunsOutEndsTheRunInWordsAndTheNextGoesOn) {
  ASSERT_TRUE(Run("whole").ok());
  const Leavings whole = Left("whole", 18);
  const auto expect_goes_on_from = [&](int64_t step) {
    const auto newest = FindNewestCheckpoint(TestPath("ended"));
    ASSERT_TRUE(newest.ok()) << newest.status();
    EXPECT_EQ(newest->checkpoint.state.step, step);
    hooks_.batch_asked = nullptr;
    hooks_.evaluate = nullptr;
    prepare_session_ = nullptr;
    ASSERT_TRUE(Run("ended", true).ok());
    EXPECT_TRUE(Left("ended", 18) == whole);
  };
  int batches = 0;
  hooks_.batch_asked = [&batches] {
    if (++batches == 9) throw std::bad_alloc();
  };
  EXPECT_THAT(std::string(Run("ended").status().message()),
              AllOf(HasSubstr("after step 8: out of memory: "), HasSubstr("--num_workers")));
  expect_goes_on_from(8);

  hooks_.evaluate = []() -> absl::StatusOr<MetricList> { throw std::bad_alloc(); };
  EXPECT_THAT(std::string(Run("ended").status().message()), HasSubstr("after step 4: out of "));
  expect_goes_on_from(4);

  // With a part of the parameters updated.
  struct : graph::TraceHook {
    int step = 0;
    void BeforeOp(const graph::Net&, graph::OpId op) override { step += op == 0; }
    void AfterOp(const graph::Net& net, graph::OpId op,
                 absl::Span<const graph::ConstTensor>) override {
      if (step == 8 && net.ops[op].type == "AdamW") throw std::bad_alloc();
    }
  } watch;
  prepare_session_ = [&watch](Session* session) {
    session->micro_steps().back()->AddTraceHook(&watch);
  };
  EXPECT_THAT(std::string(Run("ended").status().message()), HasSubstr("after step 7: out of "));
  expect_goes_on_from(6);
}

// Each step takes a minute.
TEST_F(ResumeTest, SavingByTimeChangesNothingElse) {
  ASSERT_TRUE(Run("whole").ok());
  const Leavings whole = Left("whole", 18);
  EXPECT_THAT(*CheckpointSteps(TestPath("whole")), ElementsAre(6, 12, 18));
  std::chrono::steady_clock::time_point now;
  options_.now = [&now] { return now; };
  hooks_.step_done = [&now] { now += std::chrono::minutes(1); };
  options_.save_minutes = 3.5;
  // Counted from the last save, whyever that was.
  ASSERT_TRUE(Run("timed").ok());
  EXPECT_THAT(*CheckpointSteps(TestPath("timed")), ElementsAre(4, 6, 10, 12, 16, 18));
  EXPECT_TRUE(Left("timed", 18) == whole);
  for (int64_t step : {6, 10, 12, 16, 18}) {
    std::filesystem::remove_all(
        absl::StrCat(TestPath("timed"), "/checkpoints/", CheckpointName(step)));
  }
  ASSERT_TRUE(Run("timed", true).ok());
  EXPECT_TRUE(Left("timed", 18) == whole);
  // Removed and kept as all others; 6 is the best.
  keep_ = {2, 5};
  ASSERT_TRUE(Run("timed").ok());
  EXPECT_THAT(*CheckpointSteps(TestPath("timed")), ElementsAre(6, 10, 16, 18));
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

}  // namespace
}  // namespace models
