// What a whole run and a resumed one show is trainer_test.cc's.
#include "models/training/event_log.h"

#include <sys/resource.h>

#include <cmath>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/data/image_io.h"
#include "tests/models/training/read_events.h"

namespace models {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

TrainMetrics Step(int64_t step) {
  TrainMetrics metrics;
  metrics.step = step;
  metrics.epoch = 0.5;
  metrics.loss = 10 + static_cast<double>(step);
  metrics.model = {{"pos_acc1", 0.25}};
  metrics.grad_norm = std::nan("");
  metrics.timing = {{"images_per_s", 100}};
  return metrics;
}

EvalMetrics Evaluation(int64_t step) {
  EvalMetrics metrics;
  metrics.step = step;
  metrics.values = {{"heldout_pos_acc1", 0.5}};
  return metrics;
}

class EventLogTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    run_ = fs::path(std::getenv("TEST_TMPDIR")) / test->name();
    fs::create_directories(run_);
    events_ = run_ / "tensorboard";
  }

  // A run of steps 1 to `last`, evaluated at each even one, with its metrics.jsonl; the state as
  // of step 4.
  RunState FirstLife(int64_t last) {
    EventLog events(events_, &log_);
    auto metrics = MetricsWriter::Create(run_ / "metrics.jsonl");
    EXPECT_TRUE(metrics.ok()) << metrics.status();
    RunState state;
    for (int64_t step = 1; step <= last; ++step) {
      EXPECT_TRUE(metrics->Write(Step(step)).ok());
      events.OnStep(Step(step));
      if (step == 4) {
        state.step = 4;
        state.metrics_bytes = metrics->bytes();
        events.OnSave();
      }
      if (step % 2 == 0) {
        EXPECT_TRUE(metrics->Write(Evaluation(step)).ok());
        events.OnEvaluation(Evaluation(step));
      }
    }
    return state;
  }
  ShownEvents Shown() const {
    ShownEvents shown = ReadEventFolder(events_);
    EXPECT_EQ(shown.error, "");
    return shown;
  }

  fs::path run_, events_;
  std::ostringstream screen_;
  RunLog log_{{&screen_, false, {}}};
};

TEST_F(EventLogTest, NothingIsMadeBeforeThereIsSomethingToSay) {
  {
    EventLog events(events_, &log_);
    events.ResumeAfter(FirstLife(0), run_ / "metrics.jsonl");
  }
  EXPECT_FALSE(fs::exists(events_));
  EXPECT_EQ(screen_.str(), "");
}

TEST_F(EventLogTest, TheStepOfTheCheckpointIsThereOnceAndWhatFollowsItIsForgotten) {
  const RunState state = FirstLife(7);
  {
    // The second life does again what is due at step 4.
    EventLog events(events_, &log_);
    events.ResumeAfter(state, run_ / "metrics.jsonl");
    EXPECT_EQ(Shown().files, 1);
    events.OnEvaluation(Evaluation(4));
    events.OnStep(Step(5));
  }
  const ShownEvents shown = Shown();
  EXPECT_EQ(shown.files, 2);
  EXPECT_THAT(shown.scalars.at("train/loss"),
              ElementsAre(Pair(1, 11), Pair(2, 12), Pair(3, 13), Pair(4, 14), Pair(5, 15)));
  EXPECT_THAT(shown.scalars.at("timing/images_per_s"), ::testing::SizeIs(5));
  EXPECT_THAT(shown.scalars.at("heldout/pos_acc1"), ElementsAre(Pair(2, 0.5), Pair(4, 0.5)));
  EXPECT_TRUE(std::isnan(shown.scalars.at("train/grad_norm")[3].second)) << "null in the file";
  EXPECT_EQ(screen_.str(), "");
}

TEST_F(EventLogTest, WithoutTheMetricsOfTheCheckpointItGoesOnAllTheSame) {
  RunState state = FirstLife(5);
  for (const char* what : {"gone", "shorter", "other"}) {
    const std::string path = run_ / what;
    if (what != std::string("gone")) fs::copy_file(run_ / "metrics.jsonl", path);
    if (what == std::string("shorter")) fs::resize_file(path, 30);
    if (what == std::string("other")) state.metrics_bytes += 3;
    EventLog events(events_, &log_);
    events.ResumeAfter(state, path);
    events.OnStep(Step(5));
    EXPECT_THAT(Shown().scalars.at("train/loss"),
                ElementsAre(Pair(1, 11), Pair(2, 12), Pair(3, 13), Pair(5, 15)))
        << what;
  }
  EXPECT_EQ(screen_.str(), "");
}

// TensorBoard's table has the flags of each start, and its session those of the first.
TEST_F(EventLogTest, TheFlagsOfEachStartAndOneSession) {
  const auto table = [](const std::string& steps) {
    return "| flag | value |\n| --- | --- |\n| steps | " + steps + " |\n";
  };
  {
    EventLog events(events_, &log_, {{"steps", "4"}});
    events.OnStep(Step(1));
    events.OnStep(Step(4));
    EXPECT_EQ(Shown().sessions.count("_hparams_/session_end_info"), 0u) << "it goes on";
    events.OnEnd();
  }
  {
    RunState state;
    state.step = 4;
    EventLog events(events_, &log_, {{"steps", "6"}});
    events.ResumeAfter(state, run_ / "none");
    events.OnStep(Step(5));
  }
  const ShownEvents shown = Shown();
  EXPECT_THAT(shown.texts.at("flags"), ElementsAre(Pair(0, table("4")), Pair(4, table("6"))));
  ASSERT_EQ(shown.sessions.size(), 2u);
  const auto& start = shown.sessions.at("_hparams_/session_start_info").session_start_info();
  ASSERT_EQ(start.hparams_size(), 1);
  EXPECT_EQ(start.hparams(0).value().number_value(), 4);
  EXPECT_EQ(shown.sessions.at("_hparams_/session_end_info").session_end_info().status(), 1);
  EXPECT_THAT(shown.scalars.at("train/loss"), ElementsAre(Pair(1, 11), Pair(5, 15)));
}

TEST_F(EventLogTest, Pictures) {
  const std::string path = run_ / "sheet.png";
  ASSERT_TRUE(WritePng(path, Image::Sized(3, 2)).ok());
  EventLog events(events_, &log_);
  events.OnPicture(20, {path, "heldout/positions", "where the patches go"});
  std::ifstream in(path, std::ios::binary);
  const std::string png(std::istreambuf_iterator<char>(in), {});
  EXPECT_THAT(Shown().pictures.at("heldout/positions"), ElementsAre(Pair(20, png)));
}

TEST_F(EventLogTest, AFullDiskIsSaidOnceAndLeavesWholeRecords) {
  EventLog events(events_, &log_);
  events.OnStep(Step(1));
  // A limit on file sizes stands for a disk that fills up in the middle of a record.
  rlimit old;
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const auto size = fs::file_size(fs::directory_iterator(events_)->path());
  const rlimit small = {size + 20, old.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  events.OnStep(Step(2));
  events.OnEvaluation(Evaluation(2));
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &old), 0);
  std::signal(SIGXFSZ, handler);
  events.OnStep(Step(3));  // also where there is room again: no series with a hole
  events.OnSave();
  EXPECT_THAT(screen_.str(), AllOf(HasSubstr("warning: no more events for TensorBoard: cannot "
                                             "write " +
                                             events_.string()),
                                   HasSubstr("training goes on")));
  EXPECT_EQ(screen_.str().find('\n'), screen_.str().size() - 1) << screen_.str();
  EXPECT_THAT(Shown().scalars.at("train/loss"), ElementsAre(Pair(1, 11)));
  EXPECT_THAT(Shown().pictures, IsEmpty());
}

TEST_F(EventLogTest, APictureThatIsNoneIsNamed) {
  std::ofstream(run_ / "sheet.png") << "text";
  EventLog events(events_, &log_);
  events.OnPicture(20, {run_ / "sheet.png", "heldout/positions", ""});
  EXPECT_THAT(screen_.str(), HasSubstr("cannot show " + (run_ / "sheet.png").string()));
}

}  // namespace
}  // namespace models
