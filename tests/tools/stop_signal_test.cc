#include "tools/stop_signal.h"

#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <csignal>
#include <functional>

#include "gtest/gtest.h"

namespace tools {
namespace {

constexpr int kDefault[] = {SIGINT, SIGTERM, SIGHUP, SIGXCPU};

// How a child ends that does `what` with those signals as they come by default; its exit code
// is 7 where it was asked to stop and 8 where not.
int StatusOf(const std::function<void()>& what) {
  const pid_t child = fork();
  if (child == 0) {
    for (const int signal : kDefault) std::signal(signal, SIG_DFL);
    what();
    _exit(*StopSignal() ? 7 : 8);
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return status;
}

// Whole, though signals come meanwhile.
void SleepMilliseconds(int ms) {
  timespec left = {ms / 1000, ms % 1000 * 1'000'000};
  while (nanosleep(&left, &left) != 0) {
  }
}

TEST(StopAtSignals, EachOfThemStops) {
  for (const int signal : kDefault) {
    const int status = StatusOf([signal] {
      StopAtSignals(false);
      std::raise(signal);
    });
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 7) << signal << ": " << status;
  }
}

TEST(StopAtSignals, SeveralAtOnceAreOneWish) {
  const int status = StatusOf([] {
    StopAtSignals(false);
    for (int i = 0; i < 3; ++i) {
      for (const int signal : kDefault) std::raise(signal);
    }
  });
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 7) << status;
}

// The limit of CPU time is told of again each second.
TEST(StopAtSignals, ASecondLaterAnotherOneQuits) {
  const int status = StatusOf([] {
    StopAtSignals(false);
    std::raise(SIGTERM);
    SleepMilliseconds(1001);
    std::raise(SIGXCPU);
    std::raise(SIGHUP);
  });
  EXPECT_TRUE(WIFSIGNALED(status)) << status;
  EXPECT_EQ(WTERMSIG(status), SIGHUP);
}

TEST(StopAtSignals, WhatCameIgnoredStaysIgnored) {
  const int status = StatusOf([] {
    std::signal(SIGHUP, SIG_IGN);  // nohup
    std::signal(SIGINT, SIG_IGN);  // `command &` in a script
    StopAtSignals(false);
    std::raise(SIGHUP);
    std::raise(SIGINT);
  });
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 8) << status;
}

}  // namespace
}  // namespace tools
