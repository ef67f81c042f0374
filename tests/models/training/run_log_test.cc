#include "models/training/run_log.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace models {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string TestPath(const std::string& name) {
  return absl::StrCat(std::getenv("TEST_TMPDIR"), "/", name);
}

std::string Content(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void Write(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

class RunLogTest : public ::testing::Test {
 protected:
  RunLog::Screen Terminal(int columns) {
    columns_ = columns;
    return {&screen_, true, [this] { return columns_; }};
  }
  RunLog::Screen File() { return {&screen_, false, nullptr}; }
  std::function<absl::Time()> Clock() {
    return [this] { return now_; };
  }
  // What was written to the screen since the last call.
  std::string Shown() {
    const std::string text = screen_.str();
    screen_.str("");
    return text;
  }

  std::ostringstream screen_;
  int columns_ = 80;
  absl::Time now_ = absl::FromUnixSeconds(1000);
};

TEST_F(RunLogTest, LinesBeforeTheFileIsThereAreInItToo) {
  const std::string path = TestPath("early.log");
  RunLog log(File());
  log.Line("a banner\n  of two lines\n");
  EXPECT_EQ(log.bytes(), 0);
  ASSERT_TRUE(log.Open(path, 0).ok());
  EXPECT_EQ(log.bytes(), 24);
  log.Line("step 1");
  EXPECT_EQ(Content(path), "a banner\n  of two lines\nstep 1\n");
  EXPECT_EQ(log.bytes(), 31);
  EXPECT_EQ(Shown(), "a banner\n  of two lines\nstep 1\n");
  EXPECT_TRUE(log.status().ok());
  EXPECT_TRUE(log.Sync().ok());
}

TEST_F(RunLogTest, ARunThatGoesOnCutsWhatItsCheckpointDidNotKnow) {
  const std::string path = TestPath("resume.log");
  Write(path, "step 1\nstep 2\nstep 3\n");
  RunLog log(File());
  log.Line("goes on");
  ASSERT_TRUE(log.Open(path, 7).ok());
  log.Line("step 2");
  EXPECT_EQ(Content(path), "step 1\ngoes on\nstep 2\n");
  EXPECT_EQ(log.bytes(), 22);
}

TEST_F(RunLogTest, AnEarlierRunsFileIsEmptiedWithoutBytesToKeep) {
  const std::string path = TestPath("again.log");
  Write(path, "step 1\n");
  RunLog log(File());
  ASSERT_TRUE(log.Open(path, 0).ok());
  EXPECT_EQ(Content(path), "");
}

TEST_F(RunLogTest, AFileShorterThanTheCheckpointKnewIsGoneOnWith) {
  const std::string path = TestPath("short.log");
  Write(path, "step 1\nstep");  // somebody's editor, or a power cut
  RunLog log(File());
  ASSERT_TRUE(log.Open(path, 700).ok());
  log.Line("step 2");
  EXPECT_EQ(Content(path), "step 1\nstep\nstep 2\n");
  EXPECT_EQ(log.bytes(), 19);
}

TEST_F(RunLogTest, AFolderThatIsNotThereIsNamed) {
  RunLog log(File());
  const absl::Status status = log.Open(TestPath("no/such/train.log"), 0);
  EXPECT_THAT(std::string(status.message()), HasSubstr("no/such/train.log"));
}

TEST_F(RunLogTest, WhatCannotBePrintedIsWrittenAsANumber) {
  RunLog log(Terminal(80));
  log.Line("skipped 'a\x1b[2Jb\rc\x7f \xc2\x9b d\ttab \xc3\xa9'");
  EXPECT_EQ(Shown(), "skipped 'a\\x1B[2Jb\\x0Dc\\x7F \\xC2\\x9B d\ttab \xc3\xa9'\n");
}

TEST_F(RunLogTest, ABarStandsBelowTheLastLine) {
  const std::string path = TestPath("bar.log");
  {
    RunLog log(Terminal(60), Clock());
    ASSERT_TRUE(log.Open(path, 0).ok());
    log.Progress(0.5, [] { return "eta 0:01:42  loss 2.5"; });
    const std::string bar = "\r 50% [===============>              ] eta 0:01:42  loss 2.5\x1b[K";
    // 5 + 1 + 30 + 2 + 21 characters, and the last column stays free.
    EXPECT_EQ(Shown(), bar);
    log.Line("step 20");
    EXPECT_EQ(Shown(), "\r\x1b[Kstep 20\n" + bar);
    log.EndProgress();
    EXPECT_EQ(Shown(), "\r\x1b[K");
    log.EndProgress();
    EXPECT_EQ(Shown(), "");
    log.Line("done");
    EXPECT_EQ(Shown(), "done\n");
    log.Progress(1, [] { return ""; });
    EXPECT_THAT(Shown(), HasSubstr("100% [==============================] "));
  }
  EXPECT_EQ(Shown(), "\r\x1b[K");  // gone with the log
  EXPECT_EQ(Content(path), "step 20\ndone\n");
}

TEST_F(RunLogTest, TheBarIsRedrawnFiveTimesASecond) {
  RunLog log(Terminal(60), Clock());
  int drawn = 0;
  for (int ms = 0; ms < 1000; ++ms) {
    now_ = absl::FromUnixMillis(1000000 + ms);
    log.Progress(0.1, [&drawn] { return absl::StrCat(++drawn); });
  }
  EXPECT_EQ(drawn, 5);
  log.Progress(
      0.1, [&drawn] { return absl::StrCat(++drawn); }, /*at_once=*/true);
  EXPECT_EQ(drawn, 6);
  // A clock that was set back does not stop it.
  now_ = absl::FromUnixMillis(5000);
  log.Progress(0.1, [&drawn] { return absl::StrCat(++drawn); });
  EXPECT_EQ(drawn, 7);
}

TEST_F(RunLogTest, TheBarFitsAnyWidth) {
  RunLog log(Terminal(80), Clock());
  for (int columns = 2; columns < 120; ++columns) {
    columns_ = columns;
    now_ += absl::Seconds(1);
    log.Progress(columns / 100.0, [] { return "eta 0:01:42  loss 2.541  r\xc3\xa9sum\xc3\xa9"; });
    std::string line = Shown();
    ASSERT_TRUE(absl::StartsWith(line, "\r") && absl::EndsWith(line, "\x1b[K"));
    line = line.substr(1, line.size() - 4);
    int width = 0;
    for (const char c : line) width += (c & 0xc0) != 0x80;
    EXPECT_LE(width, std::max(columns - 1, 0)) << line;
    if (columns >= 17) {
      EXPECT_EQ(line.find("loss") != std::string::npos,
                line.find("loss 2.541") != std::string::npos)
          << line;
    }
    // " 45% ", 31 characters of text, at least 11 of bar and the last column.
    EXPECT_TRUE(columns < 48 || line.find('[') != std::string::npos) << columns;
  }
  now_ += absl::Seconds(1);
  log.Progress(std::nan(""), [] { return "a\nb\x1b"; });  // whatever comes
  EXPECT_THAT(Shown(), HasSubstr("  0% [>"));
}

TEST_F(RunLogTest, FieldsDropOutOfALineThatIsTooWideAndNumbersAreNeverCut) {
  const std::string path = TestPath("fit.log");
  const std::string line = "epoch 0 [1/9]  loss 2.5410  r\xc3\xa9sum\xc3\xa9 1  lr 9.191e-04";
  RunLog log(Terminal(80));
  ASSERT_TRUE(log.Open(path, 0).ok());
  const auto shown = [&](int columns, RunLog::Fit fit) {
    columns_ = columns;
    log.Line(line, fit);
    return Shown();
  };
  EXPECT_EQ(shown(51, RunLog::Fit::kDrop), line + "\n");
  EXPECT_EQ(shown(50, RunLog::Fit::kDrop), "epoch 0 [1/9]  loss 2.5410  r\xc3\xa9sum\xc3\xa9 1\n");
  EXPECT_EQ(shown(28, RunLog::Fit::kDrop), "epoch 0 [1/9]  loss 2.5410\n");
  EXPECT_EQ(shown(5, RunLog::Fit::kDrop), "epoch 0 [1/9]\n");
  EXPECT_EQ(shown(30, RunLog::Fit::kWrap),
            "epoch 0 [1/9]  loss 2.5410\n      r\xc3\xa9sum\xc3\xa9 1  lr 9.191e-04\n");
  EXPECT_EQ(shown(30, RunLog::Fit::kWhole), line + "\n");
  EXPECT_EQ(Content(path),
            absl::StrCat(line, "\n", line, "\n", line, "\n", line, "\n", line, "\n", line, "\n"));
  RunLog piped(File());
  piped.Line(line, RunLog::Fit::kDrop);
  EXPECT_EQ(Shown(), line + "\n");
}

TEST_F(RunLogTest, AFileOrAPipeNeverSeesTheBar) {
  RunLog log(File(), Clock());
  log.Progress(0.5, []() -> std::string {
    ADD_FAILURE() << "asked for a text that nobody sees";
    return "";
  });
  log.Line("step");
  log.EndProgress();
  EXPECT_EQ(Shown(), "step\n");
}

TEST_F(RunLogTest, AFullDiskIsAStatusThatNamesTheFileAndLeavesWholeLines) {
  const std::string path = TestPath("full.log");
  RunLog log(File());
  ASSERT_TRUE(log.Open(path, 0).ok());
  log.Line("0123456789");
  // As a full disk does: some of the line fits.
  rlimit limit = {}, small = {};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &limit), 0);
  small = {15, limit.rlim_max};
  const auto before = signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  log.Line("0123456789");
  setrlimit(RLIMIT_FSIZE, &limit);
  signal(SIGXFSZ, before);
  EXPECT_THAT(std::string(log.status().message()), HasSubstr(path));
  log.Line("a line that would leave a gap");
  EXPECT_FALSE(log.status().ok());
  EXPECT_EQ(Content(path), "0123456789\n");
  EXPECT_EQ(log.bytes(), 11);
  EXPECT_THAT(Shown(), HasSubstr("a line that would leave a gap\n"));
}

// A bug once: what a link of that name led to was written.
TEST_F(RunLogTest, ALinkIsNotFollowed) {
  const std::string path = TestPath("link.log"), theirs = TestPath("theirs.log");
  std::ofstream(theirs) << "theirs\n";
  std::filesystem::create_symlink(theirs, path);
  for (const int64_t kept : {0, 3}) {
    RunLog log(File());
    log.Line("banner");
    EXPECT_THAT(std::string(log.Open(path, kept).message()), HasSubstr(path + ": it is a link"));
  }
  EXPECT_EQ(Content(theirs), "theirs\n");
}

// Each thread's lines come whole and in its order.
TEST_F(RunLogTest, SeveralThreadsMayTalk) {
  const std::string path = TestPath("threads.log");
  {
    RunLog log(Terminal(60));
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&log, t] {
        for (int i = 0; i < 200; ++i) {
          log.Line(absl::StrCat(t, " ", i));
          log.Progress(0.5, [t] { return absl::StrCat(t); });
          if (i == 100) log.EndProgress();
        }
      });
    }
    ASSERT_TRUE(log.Open(path, 0).ok());
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(static_cast<size_t>(log.bytes()), Content(path).size());
  }
  std::vector<int> next(4, 0);
  const std::string content = Content(path);
  for (absl::string_view line : absl::StrSplit(content, '\n', absl::SkipEmpty())) {
    ASSERT_EQ(line[1], ' ') << line;
    const size_t t = static_cast<size_t>(line[0] - '0');
    ASSERT_LT(t, 4u);
    EXPECT_EQ(line, absl::StrCat(t, " ", next[t]++));
  }
  EXPECT_THAT(next, ElementsAre(200, 200, 200, 200));
}

// A real terminal, as far as the kernel goes.
TEST(ScreenOf, KnowsATerminalItsWidthAndWhoWantsNone) {
  const int host = posix_openpt(O_RDWR | O_NOCTTY);
  if (host < 0 || grantpt(host) != 0 || unlockpt(host) != 0) GTEST_SKIP() << "no terminals here";
  const int terminal = open(ptsname(host), O_RDWR | O_NOCTTY);
  ASSERT_GE(terminal, 0);
  setenv("TERM", "xterm", 1);
  unsetenv("NO_COLOR");
  RunLog::Screen screen = RunLog::ScreenOf(nullptr, terminal);
  EXPECT_TRUE(screen.terminal);
  EXPECT_EQ(screen.columns(), 80);  // it has no size yet
  winsize size = {};
  size.ws_col = 133;
  ASSERT_EQ(ioctl(terminal, TIOCSWINSZ, &size), 0);
  EXPECT_EQ(screen.columns(), 133);
  for (const char* term : {"dumb", ""}) {
    setenv("TERM", term, 1);
    EXPECT_FALSE(RunLog::ScreenOf(nullptr, terminal).terminal) << term;
  }
  setenv("TERM", "xterm", 1);
  setenv("NO_COLOR", "1", 1);
  EXPECT_FALSE(RunLog::ScreenOf(nullptr, terminal).terminal);
  setenv("NO_COLOR", "", 1);
  EXPECT_TRUE(RunLog::ScreenOf(nullptr, terminal).terminal);
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  EXPECT_FALSE(RunLog::ScreenOf(nullptr, ends[1]).terminal);
  for (const int fd : {host, terminal, ends[0], ends[1]}) close(fd);
}

}  // namespace
}  // namespace models
