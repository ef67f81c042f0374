// Runs that are ended from outside, at any moment, and gone on with by the same command.
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <random>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/data/image_io.h"
#include "models/training/safetensors.h"
#include "nlohmann/json.hpp"
#include "tests/models/training/drop_times.h"
#include "tests/tools/cli/run_program.h"

namespace tools {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
namespace fs = std::filesystem;
using Args = std::vector<std::string>;
using Json = nlohmann::json;

constexpr int kSteps = 400;

// The names in `folder` that `wanted` takes; none where there is no such folder.
std::vector<std::string> Names(const fs::path& folder,
                               const std::function<bool(const std::string&)>& wanted) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    std::string name = entry->path().filename().string();
    if (wanted(name)) names.push_back(std::move(name));
  }
  return names;
}

// Names of what is only there while something is being written or removed.
bool IsHalfDone(const std::string& name) {
  for (const char* part : {".new-", ".old-", ".tmp"}) {
    if (name.find(part) != std::string::npos) return true;
  }
  return false;
}

int64_t Bytes(const fs::path& path) {
  std::error_code error;
  const auto size = fs::file_size(path, error);
  return error ? 0 : static_cast<int64_t>(size);
}

class KillTest : public ::testing::Test {
 protected:
  // 320 pictures of two classes to train on, 12 held out: a run takes seconds and still has
  // epochs, crops and evaluations of every kind.
  void SetUp() override {
    folder_ = Scratch() / ::testing::UnitTest::GetInstance()->current_test_info()->name();
    for (int i = 0; i < 332; ++i) {
      const fs::path folder =
          folder_ / "data" / (i < 320 ? "train" : "val") / (i % 2 == 0 ? "even" : "odd");
      fs::create_directories(folder);
      models::Image image = models::Image::Sized(40, 36);
      for (size_t j = 0; j < image.rgb.size(); ++j) image.rgb[j] = (j * (i % 17 + 3) / 5 + i) % 251;
      ASSERT_TRUE(models::WritePng(folder / (std::to_string(i) + ".png"), image).ok());
    }
  }

  void TearDown() override {
    if (child_ > 0) {
      kill(child_, SIGKILL);
      waitpid(child_, nullptr, 0);
    }
  }

  // What a job that restarts itself says every time. Further arguments win.
  static Args Command(const std::string& run, const Args& more = {}) {
    Args args = {"--model=droppos_tiny",  "--embed_dim=16",        "--depth=1",
                 "--num_heads=2",         "--decoder_embed_dim=8", "--decoder_depth=1",
                 "--decoder_num_heads=2", "--input_size=32",       "--batch_size=16",
                 "--epochs=20",           "--warmup_epochs=1",     "--data_path=data",
                 "--num_workers=2",       "--threads=2",           "--save_every=3",
                 "--eval_every=30",       "--vis_every=70",        "--print_every=5",
                 "--resume=auto",         "--output_dir=" + run};
    args.insert(args.end(), more.begin(), more.end());
    return args;
  }

  void Start(const Args& args) {
    child_ = StartProgram("train", args, folder_, folder_ / "out.txt", folder_ / "err.txt");
    ASSERT_GT(child_, 0);
  }
  bool Ended() {
    if (child_ > 0 && waitpid(child_, &status_, WNOHANG) == child_) child_ = -1;
    return child_ < 0;
  }
  // Waits until `happened`, or the program ends: false. The test's own time limit ends an
  // endless wait.
  bool WaitFor(const std::function<bool()>& happened) {
    while (!happened()) {
      if (Ended()) return happened();
      usleep(50);
    }
    return true;
  }
  int Wait() {
    if (child_ > 0) {
      EXPECT_EQ(waitpid(child_, &status_, 0), child_);
      child_ = -1;
    }
    return ExitCode(status_);
  }
  std::string Said() { return Contents(folder_ / "out.txt") + Contents(folder_ / "err.txt"); }

  std::vector<std::string> Leftovers(const std::string& run) {
    std::vector<std::string> all = Names(folder_ / run, IsHalfDone);
    for (std::string& name : Names(folder_ / run / "checkpoints", IsHalfDone)) {
      all.push_back(std::move(name));
    }
    return all;
  }

  std::vector<Json> Metrics(const std::string& run) {
    std::ifstream file(folder_ / run / "metrics.jsonl");
    std::vector<Json> lines;
    for (std::string line; std::getline(file, line);) {
      lines.push_back(Json::parse(line));
      EXPECT_GT(models::DropTimes(&lines.back()), 0);
    }
    return lines;
  }

  // That the finished run `run` is the finished run `whole`.
  void ExpectSame(const std::string& run, const std::string& whole, int steps = kSteps) {
    char name[32];
    std::snprintf(name, sizeof name, "step_%08d", steps);
    for (const char* file : {"model.safetensors", "optimizer.safetensors"}) {
      const fs::path path = fs::path("checkpoints") / name / file;
      const auto a = models::SafetensorsFile::Read(folder_ / run / path);
      const auto b = models::SafetensorsFile::Read(folder_ / whole / path);
      ASSERT_TRUE(a.ok() && b.ok()) << a.status() << b.status();
      ASSERT_EQ(a->tensors().size(), b->tensors().size());
      ASSERT_GT(a->tensors().size(), 10u);
      for (const auto& [tensor, entry] : a->tensors()) {
        EXPECT_TRUE(entry.data == b->tensors().at(tensor).data) << tensor;
      }
    }
    EXPECT_EQ(Contents(folder_ / run / "checkpoint.safetensors"),
              Contents(folder_ / run / "checkpoints" / name / "model.safetensors"));
    const std::vector<Json> a = Metrics(run), b = Metrics(whole);
    ASSERT_EQ(a.size(), b.size());
    for (size_t i = 0; i < a.size(); ++i) EXPECT_EQ(a[i], b[i]) << "line " << i;
    // No step twice in the log, and none of those that are printed is missing.
    std::ifstream log(folder_ / run / "train.log");
    std::set<std::string> said;
    const std::regex step(
        "^(epoch [0-9]+ \\[[0-9]+/[0-9]+\\]|epoch [0-9.]+  step [0-9]+|saved .*) ?");
    for (std::string line; std::getline(log, line);) {
      std::smatch match;
      if (std::regex_search(line, match, step)) {
        EXPECT_TRUE(said.insert(match[1]).second) << line;
      }
    }
    const long epoch = std::lround(1 / b.front()["epoch"].get<double>());  // in steps
    for (int done = 5; done <= steps; done += 5) {
      std::ostringstream text;
      text << "epoch " << (done - 1) / epoch << " [" << (done - 1) % epoch + 1 << "/" << epoch
           << "]";
      EXPECT_EQ(said.count(text.str()), 1u) << text.str();
    }
    EXPECT_THAT(Leftovers(run), ::testing::IsEmpty());
    EXPECT_EQ(Names(folder_ / run / "vis", [](const std::string&) { return true; }).size(),
              Names(folder_ / whole / "vis", [](const std::string&) { return true; }).size());
  }

  // Kills a run of `steps` steps at least `least_kills` times, and `least_in_checkpoints` of these
  // while a checkpoint is written; then lets it end. Of many kills some come before a first step
  // and some between two.
  void KillAgainAndAgain(const Args& more, int steps, int least_kills, int least_in_checkpoints);

  fs::path folder_;
  pid_t child_ = -1;
  int status_ = 0;
};

void KillTest::KillAgainAndAgain(const Args& more, int steps, int least_kills,
                                 int least_in_checkpoints) {
  Start(Command("whole", more));
  ASSERT_EQ(Wait(), 0) << Said();
  const fs::path run = folder_ / "run", checkpoints = run / "checkpoints";
  std::mt19937 random(20240611);
  const auto below = [&random](int n) {
    return static_cast<int>(random() % static_cast<unsigned>(n));
  };
  int kills = 0, in_checkpoints = 0, before_a_step = 0, in_steps = 0;
  while (kills < least_kills || in_checkpoints < least_in_checkpoints) {
    ASSERT_LT(kills, 3 * least_kills)
        << "only " << in_checkpoints << " while a checkpoint was written";
    const int64_t before = Bytes(run / "metrics.jsonl");
    const auto progress = [&](int64_t bytes) {
      return WaitFor([&] { return Bytes(run / "metrics.jsonl") > before + bytes; });
    };
    const auto half_done = [&](const fs::path& folder) {
      return WaitFor([&] { return !Names(folder, IsHalfDone).empty(); });
    };
    Start(Command("run", more));
    switch (kills % 5) {
      case 0:  // before the first step, most likely
        usleep(static_cast<useconds_t>(below(200'000)));
        break;
      case 1:  // somewhere in the next steps
      case 2:
        ASSERT_TRUE(progress(below(1000))) << "the run is too short for so many kills: " << Said();
        usleep(static_cast<useconds_t>(below(20'000)));
        break;
      default:  // while a checkpoint is written that no earlier process wrote
        ASSERT_TRUE(progress(0) && half_done(checkpoints)) << Said();
        usleep(static_cast<useconds_t>(below(3'000)));
    }
    ASSERT_FALSE(Ended()) << "ended by itself: " << Said();
    ASSERT_EQ(kill(child_, SIGKILL), 0);
    ASSERT_EQ(Wait(), 128 + SIGKILL);
    ++kills;
    const bool in_checkpoint = !Names(checkpoints, IsHalfDone).empty();
    in_checkpoints += in_checkpoint;
    before_a_step += Bytes(run / "metrics.jsonl") <= before;
    in_steps += !in_checkpoint && Bytes(run / "metrics.jsonl") > before;
  }
  std::cout << kills << " kills: " << in_checkpoints << " in a checkpoint, " << before_a_step
            << " before a new step, " << in_steps << " between\n";
  if (least_kills >= 20) {
    EXPECT_GE(before_a_step, 1);
    EXPECT_GE(in_steps, 1);
  }
  const size_t done = Metrics("whole").size();
  std::ifstream so_far(run / "metrics.jsonl");
  EXPECT_LT(std::count(std::istreambuf_iterator<char>(so_far), {}, '\n'), int64_t(done));
  Start(Command("run", more));
  ASSERT_EQ(Wait(), 0) << Said();
  ExpectSame("run", "whole", steps);
}

// A run that is killed again and again, each time at another kind of moment and each time
// later than ever before, ends as one that never was.
TEST_F(KillTest, KilledFortyTimesItEndsAsARunThatNeverStopped) {
  KillAgainAndAgain({}, kSteps, /*least_kills=*/40, /*least_in_checkpoints=*/8);
}

// A shorter one, for where a step takes long.
TEST_F(KillTest, KilledFiveTimesItEndsAsARunThatNeverStopped) {
  KillAgainAndAgain({"--batch_size=4", "--steps=120"}, 120, /*least_kills=*/5,
                    /*least_in_checkpoints=*/1);
}

// A scheduler's way: it asks, and starts the printed command some other day.
TEST_F(KillTest, SigtermSavesAndThePrintedCommandGoesOn) {
  Start(Command("whole"));
  ASSERT_EQ(Wait(), 0) << Said();
  Start(Command("run"));
  ASSERT_TRUE(WaitFor([&] { return Bytes(folder_ / "run/metrics.jsonl") > 1500; })) << Said();
  // Meanwhile nobody else may write to the folder.
  const Outcome second = RunProgram("train", Command("run"), folder_);
  EXPECT_EQ(second.exit_code, 1);
  EXPECT_THAT(second.err, AllOf(HasSubstr("a run is writing to the output folder"),
                                HasSubstr((folder_ / "run").string())));
  ASSERT_FALSE(Ended()) << Said();
  ASSERT_EQ(kill(child_, SIGTERM), 0);
  ASSERT_EQ(Wait(), 0) << Said();
  const std::string said = Said();
  std::smatch match;
  ASSERT_TRUE(std::regex_search(said, match,
                                std::regex("stopped by a signal after step ([0-9]+); to go on: "
                                           "bazel run //tools:train -- (--[^ \n]+) (--[^ \n]+)\n")))
      << said;
  const int stopped = std::stoi(match[1]);
  EXPECT_LT(stopped, kSteps);
  char name[32];
  std::snprintf(name, sizeof name, "step_%08d", stopped);
  EXPECT_TRUE(fs::exists(folder_ / "run/checkpoints" / name / "DONE"));
  const Outcome rest = RunProgram("train", {match[2], match[3]}, folder_);
  ASSERT_EQ(rest.exit_code, 0) << rest.err;
  ExpectSame("run", "whole");
}

TEST_F(KillTest, ASecondSignalQuitsAtOnce) {
  // The file is made just before the first step, which takes far longer than the pause.
  Start(Command("run", {"--batch_size=100", "--input_size=96", "--embed_dim=384", "--depth=8",
                        "--num_heads=6"}));
  ASSERT_TRUE(WaitFor([&] { return fs::exists(folder_ / "run/metrics.jsonl"); })) << Said();
  // Signals within a second are one.
  ASSERT_EQ(kill(child_, SIGINT), 0);
  usleep(1'100'000);
  ASSERT_EQ(kill(child_, SIGTERM), 0);
  EXPECT_EQ(Wait(), 128 + SIGTERM) << Said();
  EXPECT_THAT(Said(), ::testing::Not(HasSubstr("stopped by a signal")));
}

// A disk that fills up, as far as files cannot grow beyond a size: one line says so, and
// with room again the run ends as if nothing had been.
TEST_F(KillTest, LogsThatCannotGrowEndTheRunWithOneLine) {
  Start(Command("whole", {"--steps=60"}));
  ASSERT_EQ(Wait(), 0) << Said();
  Start(Command("run", {"--steps=60"}));
  const fs::path metrics = folder_ / "run/metrics.jsonl";
  ASSERT_TRUE(WaitFor([&] { return Bytes(metrics) > 3000; })) << Said();
  const rlimit limit = {3500, 3500};
  ASSERT_EQ(prlimit(child_, RLIMIT_FSIZE, &limit, nullptr), 0);
  ASSERT_EQ(Wait(), 1) << Said();
  const std::string err = Contents(folder_ / "err.txt");
  EXPECT_THAT(err, AllOf(::testing::StartsWith("train: after step "), HasSubstr("cannot write"),
                         HasSubstr("File too large")));
  EXPECT_EQ(std::count(err.begin(), err.end(), '\n'), 1) << err;
  EXPECT_EQ(Contents(metrics).back(), '\n');
  EXPECT_THAT(Leftovers("run"), ::testing::IsEmpty());
  Start(Command("run", {"--steps=60"}));
  ASSERT_EQ(Wait(), 0) << Said();
  ExpectSame("run", "whole", 60);
}

// What is kept, and what may change from one process of a run to the next.
TEST_F(KillTest, FreeSettingsMayChangeAndKeepingIsAsAsked) {
  Start(Command("whole", {"--steps=20", "--vis_every=0"}));
  ASSERT_EQ(Wait(), 0) << Said();
  Start(Command("run", {"--steps=13", "--vis_every=0", "--keep=1", "--keep_every=6"}));
  ASSERT_EQ(Wait(), 0) << Said();
  const auto kept = [&] {
    std::vector<std::string> names =
        Names(folder_ / "run/checkpoints", [](const std::string&) { return true; });
    std::sort(names.begin(), names.end());
    return names;
  };
  EXPECT_THAT(kept(), ::testing::ElementsAre("step_00000006", "step_00000012", "step_00000013"));
  fs::rename(folder_ / "data", folder_ / "moved data");
  Start(Command(
      "run", {"--steps=20", "--data_path=moved data", "--num_workers=1", "--vis_every=0",
              "--keep=3", "--keep_every=0", "--save_every=2", "--print_every=1", "--watchdog=0"}));
  ASSERT_EQ(Wait(), 0) << Said();
  EXPECT_THAT(kept(), ::testing::ElementsAre("step_00000016", "step_00000018", "step_00000020"));
  ExpectSame("run", "whole", 20);
}

TEST_F(KillTest, AFolderThatIsReadOnlyIsNamedAndItsRunUnharmed) {
  Start(Command("run", {"--steps=6"}));
  ASSERT_EQ(Wait(), 0) << Said();
  fs::permissions(folder_ / "run", fs::perms::owner_read | fs::perms::owner_exec);
  // Root may write everywhere, but not without this capability, which a program that this
  // thread starts is not given. Nobody else has it, or may drop it.
  std::thread([this] {
    prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE);
    Start(Command("run", {"--steps=8"}));
  }).join();
  EXPECT_EQ(Wait(), 1);
  EXPECT_THAT(Said(), AllOf(HasSubstr("the output folder"), HasSubstr("/run: Permission denied")));
  fs::permissions(folder_ / "run", fs::perms::owner_all);
  Start(Command("run", {"--steps=8"}));
  EXPECT_EQ(Wait(), 0) << Said();
}

}  // namespace
}  // namespace tools
