// Ctrl-C, SIGTERM and SIGHUP: that the trainer says at once what it will do, how soon it stops, and
// that it saves. And a reader of the screen that goes away.
#include <fcntl.h>
#include <pty.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/data/image_io.h"
#include "nlohmann/json.hpp"
#include "tests/models/training/drop_times.h"
#include "tests/tools/cli/run_program.h"

namespace tools {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
namespace fs = std::filesystem;
using Args = std::vector<std::string>;
using Json = nlohmann::json;

constexpr char kSaid[] =
    "stopping after this step; a second signal, one second later or more, quits at once, "
    "without saving\n";

class StopCli : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = Scratch() / ::testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::create_directories(folder_);
  }
  void TearDown() override {
    if (child_ > 0) {
      kill(child_, SIGKILL);
      waitpid(child_, nullptr, 0);
    }
  }

  // Further arguments win.
  static Args Tiny(const Args& more) {
    Args args = {"--model=droppos_tiny",  "--embed_dim=16",        "--depth=1",
                 "--num_heads=2",         "--decoder_embed_dim=8", "--decoder_depth=1",
                 "--decoder_num_heads=2", "--batch_size=64"};
    args.insert(args.end(), more.begin(), more.end());
    return args;
  }
  // One whose step takes far longer than all that a test does meanwhile.
  static Args Slow(const std::string& run) {
    return Tiny({"--batch_size=300", "--input_size=96", "--embed_dim=96", "--depth=4",
                 "--output_dir=" + run});
  }
  void Start(const Args& args) {
    child_ = StartProgram("train", args, folder_, folder_ / "out.txt", folder_ / "err.txt");
    ASSERT_GT(child_, 0);
  }
  // The test's own time limit ends an endless wait.
  void WaitFor(const std::function<bool()>& happened) {
    while (!happened()) {
      int status = 0;
      if (waitpid(child_, &status, WNOHANG) == child_) {
        child_ = -1;
        FAIL() << "ended: " << Contents(folder_ / "out.txt") << Contents(folder_ / "err.txt");
      }
      usleep(1000);
    }
  }
  int Wait() {
    int status = 0;
    EXPECT_EQ(waitpid(child_, &status, 0), child_);
    child_ = -1;
    return ExitCode(status);
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

  fs::path folder_;
  pid_t child_ = -1;
};

TEST_F(StopCli, ASignalIsAnsweredBeforeTheStepEnds) {
  Start(Slow("run"));
  // Made just before the first step.
  WaitFor([&] { return fs::exists(folder_ / "run/metrics.jsonl"); });
  ASSERT_EQ(kill(child_, SIGTERM), 0);
  WaitFor([&] { return Contents(folder_ / "err.txt") == kSaid; });
  EXPECT_EQ(Contents(folder_ / "run/metrics.jsonl"), "") << "the step has ended meanwhile";
}

// `timeout` signals its child and then its group; a terminal that closes sends SIGHUP.
TEST_F(StopCli, TwoSignalsAtOnceAreOneAndTheRunSaves) {
  Start(Tiny({"--output_dir=run", "--epochs=1000"}));
  WaitFor([&] { return !Contents(folder_ / "run/metrics.jsonl").empty(); });
  ASSERT_EQ(kill(child_, SIGHUP), 0);
  ASSERT_EQ(kill(child_, SIGTERM), 0);
  EXPECT_EQ(Wait(), 0);
  EXPECT_EQ(Contents(folder_ / "err.txt"), kSaid);
  EXPECT_THAT(Contents(folder_ / "run/train.log"), HasSubstr("stopped by a signal after step"));
  EXPECT_TRUE(fs::exists(folder_ / "run/checkpoint.safetensors"));
}

// `train | head -1`.
TEST_F(StopCli, AReaderThatGoesAwayEndsNothing) {
  const fs::path screen = folder_ / "screen";
  ASSERT_EQ(mkfifo(screen.c_str(), 0600), 0);
  const int reader = open(screen.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  ASSERT_GE(reader, 0);
  child_ = StartProgram("train", Tiny({"--output_dir=run", "--epochs=1000", "--print_every=1"}),
                        folder_, screen, folder_ / "err.txt");
  ASSERT_GT(child_, 0);
  char byte;
  WaitFor([&] { return read(reader, &byte, 1) == 1; });
  close(reader);
  // Lines that nobody reads are printed meanwhile.
  WaitFor([&] {
    const std::string metrics = Contents(folder_ / "run/metrics.jsonl");
    return std::count(metrics.begin(), metrics.end(), '\n') >= 3;
  });
  ASSERT_EQ(kill(child_, SIGTERM), 0);
  EXPECT_EQ(Wait(), 0) << Contents(folder_ / "err.txt");
  EXPECT_THAT(Contents(folder_ / "run/train.log"), HasSubstr("stopped by a signal after step"));
}

TEST_F(StopCli, OnATerminalTheLineReplacesTheBar) {
  int terminal = -1;
  child_ = forkpty(&terminal, nullptr, nullptr, nullptr);
  ASSERT_GE(child_, 0);
  if (child_ == 0) {
    setenv("BUILD_WORKING_DIRECTORY", folder_.c_str(), 1);
    setenv("TERM", "xterm", 1);
    unsetenv("NO_COLOR");
    std::signal(SIGINT, SIG_DFL);
    Args args = Slow("run");
    args.insert(args.begin(), {fs::absolute("tools/train"), kSamePrecision});
    std::vector<char*> argv;
    for (std::string& arg : args) argv.push_back(arg.data());
    argv.push_back(nullptr);
    execv(argv[0], argv.data());
    _exit(127);
  }
  std::string shown;
  const auto read_until = [&](const std::function<bool()>& seen) {
    char text[4096];
    while (!seen()) {
      const ssize_t n = read(terminal, text, sizeof text);
      ASSERT_GT(n, 0) << shown;
      shown.append(text, static_cast<size_t>(n));
    }
  };
  read_until([&] { return shown.find("data ") != std::string::npos; });  // the banner
  WaitFor([&] { return fs::exists(folder_ / "run/metrics.jsonl"); });
  // As Ctrl-C typed there.
  ASSERT_EQ(write(terminal, "\x03", 1), 1);
  read_until([&] { return shown.find("without saving") != std::string::npos; });
  EXPECT_THAT(shown, HasSubstr("\r\x1b[Kstopping after this step; a second signal"));
  close(terminal);
}

// Ends with the run as it was after step 1, and the resumed one measures what was not. An epoch has
// one step, and its evaluation names more bad pictures than the pipe that is its screen can take:
// it cannot have ended when the signal comes.
TEST_F(StopCli, AnEvaluationIsBrokenOffAndComesAgain) {
  for (int i = 0; i < 192; ++i) {
    const bool train = i < 64, good = i < 68;
    const fs::path folder = folder_ / "data" / (train ? "train" : "val") / "all";
    fs::create_directories(folder);
    const fs::path file = folder / absl::StrCat(1000 + i, ".png");
    models::Image image = models::Image::Sized(64, 64);
    for (size_t j = 0; j < image.rgb.size(); ++j) image.rgb[j] = (j * (i + 7) / 5) % 251;
    ASSERT_TRUE(models::WritePng(file, image).ok());
    if (!good) std::ofstream(file) << "no picture";
  }
  const auto with = [](const Args& more) {
    Args all = Tiny({"--data_path=data", "--max_bad_share=1", "--print_every=1", "--steps=2"});
    all.insert(all.end(), more.begin(), more.end());
    return all;
  };
  const Outcome whole = RunProgram("train", with({"--output_dir=whole"}), folder_);
  ASSERT_EQ(whole.exit_code, 0) << whole.err;

  const fs::path screen = folder_ / "screen";
  ASSERT_EQ(mkfifo(screen.c_str(), 0600), 0);
  const int reader = open(screen.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  ASSERT_GE(reader, 0);
  ASSERT_GT(fcntl(reader, F_SETPIPE_SZ, 4096), 0);
  child_ = StartProgram("train", with({"--output_dir=run"}), folder_, screen, folder_ / "err.txt");
  ASSERT_GT(child_, 0);
  std::string shown;
  const auto read_some = [&] {
    char text[512];
    const ssize_t n = read(reader, text, sizeof text);
    if (n > 0) shown.append(text, static_cast<size_t>(n));
    return n;
  };
  WaitFor([&] {
    read_some();
    return shown.find("skipped an image") != std::string::npos;
  });
  ASSERT_EQ(kill(child_, SIGINT), 0);
  WaitFor([&] { return Contents(folder_ / "err.txt") == kSaid; });
  while (read_some() != 0) usleep(1000);
  close(reader);
  ASSERT_EQ(Wait(), 0) << Contents(folder_ / "err.txt");
  const std::string log = Contents(folder_ / "run/train.log");
  EXPECT_THAT(log, HasSubstr("stopped by a signal after step 1; to go on: "));
  EXPECT_THAT(log, Not(HasSubstr("step 1  held out:")));
  EXPECT_EQ(Metrics("run").size(), 1u);
  EXPECT_TRUE(fs::exists(folder_ / "run/checkpoints/step_00000001/DONE"));
  const Outcome rest = RunProgram("train", {"--resume=run"}, folder_);
  ASSERT_EQ(rest.exit_code, 0) << rest.err;
  EXPECT_EQ(Metrics("run"), Metrics("whole"));
  EXPECT_EQ(Contents(folder_ / "run/checkpoints/step_00000002/optimizer.safetensors"),
            Contents(folder_ / "whole/checkpoints/step_00000002/optimizer.safetensors"));
}

}  // namespace
}  // namespace tools
