#include "tools/program.h"

#include <fcntl.h>
#include <immintrin.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <new>
#include <stdexcept>
#include <string>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace tools {
namespace {

using ::testing::HasSubstr;
using Main = absl::StatusOr<int> (*)(int, char**);

struct Ran {
  int exit_code;
  std::string out, err;
};

// In this process, with the one argument.
Ran RunIt(Main main, std::string argument = "") {
  setenv("GOMP_SPINCOUNT", "1000", 1);  // nothing is to be started anew
  std::string name = "program_test";
  char* argv[] = {name.data(), argument.data(), nullptr};
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  const int exit_code = RunProgram("tested", 2, argv, main);
  std::cout.flush();
  return {exit_code, testing::internal::GetCapturedStdout(),
          testing::internal::GetCapturedStderr()};
}

TEST(RunProgram, ReturnsWhatMainReturns) {
  const Ran ran = RunIt([](int, char**) -> absl::StatusOr<int> { return 5; });
  EXPECT_EQ(ran.exit_code, 5);
  EXPECT_EQ(ran.out + ran.err, "");
}

TEST(RunProgram, AnErrorIsOneLineAndOne) {
  const Ran ran =
      RunIt([](int, char**) -> absl::StatusOr<int> { return absl::NotFoundError("no \x1b[31m"); });
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_EQ(ran.err, "tested: no \\x1B[31m\n");
}

TEST(RunProgram, NoMemoryEndsInWords) {
  const Ran ran = RunIt([](int, char**) -> absl::StatusOr<int> { throw std::bad_alloc(); });
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_THAT(ran.err, HasSubstr("tested: out of memory"));
  const Ran other =
      RunIt([](int, char**) -> absl::StatusOr<int> { throw std::runtime_error("no thread"); });
  EXPECT_EQ(other.exit_code, 1);
  EXPECT_EQ(other.err, "tested: no thread\n");
}

TEST(RunProgram, WhatIsPrintedCarriesNoOrders) {
  const Ran ran = RunIt([](int, char**) -> absl::StatusOr<int> {
    std::cout << "name \x1b]0;pwn\x07\t" << 'c' << '\x1b' << "\n";
    *Screen() << "\rbar\x1b[K";
    std::cerr << "\x9b\xc2\x9b" << std::endl;
    return 0;
  });
  EXPECT_EQ(ran.out, "name \\x1B]0;pwn\\x07\tc\\x1B\n\rbar\x1b[K");
  EXPECT_EQ(ran.err, "\\x9B\\xC2\\x9B\n");
  testing::internal::CaptureStdout();
  std::cout << "\x1b" << std::flush;  // afterwards the stream is what it was
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "\x1b");
}

TEST(RunProgram, PathsBelowHomeAreFound) {
  setenv("HOME", "/h", 1);
  const Main print = [](int argc, char** argv) -> absl::StatusOr<int> {
    std::cout << argc << " " << argv[1] << (argv[2] == nullptr ? "" : " more");
    return 0;
  };
  EXPECT_EQ(RunIt(print, "--out=~/a b").out, "2 --out=/h/a b");
  unsetenv("HOME");
  const Ran ran = RunIt(print, "--out=~/a");
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_THAT(ran.err, HasSubstr("--out=~/a: HOME is not set"));
}

TEST(RunProgram, TheProcessHasTheProgramsName) {
  const Ran ran = RunIt([](int, char**) -> absl::StatusOr<int> {
    char name[16] = {};
    prctl(PR_GET_NAME, name);
    std::cout << name;
    return 0;
  });
  EXPECT_EQ(ran.out, "tested");
}

// With `file` as standard output, which it closes.
Ran RunInto(int file, Main main) {
  setenv("GOMP_SPINCOUNT", "1000", 1);
  const int before = dup(STDOUT_FILENO);
  dup2(file, STDOUT_FILENO);
  close(file);
  testing::internal::CaptureStderr();
  char name[] = "program_test";
  char* argv[] = {name, nullptr};
  const int exit_code = RunProgram("tested", 1, argv, main);
  const std::string err = testing::internal::GetCapturedStderr();
  dup2(before, STDOUT_FILENO);
  close(before);
  std::cout.clear();
  std::cout.flush();  // what is left goes where all else goes
  return {exit_code, "", err};
}

// Bug once: a list that went nowhere was a success.
TEST(RunProgram, WhatCannotBePrintedIsAnError) {
  const Main few = [](int, char**) -> absl::StatusOr<int> {
    std::cout << "a line\n";
    return 0;
  };
  const Main many = [](int, char**) -> absl::StatusOr<int> {
    for (int i = 0; i < 10000; ++i) std::cout << "a line\n";
    std::cout << std::endl;
    return 0;
  };
  // A log that is written to the screen has a file.
  const Main screen = [](int, char**) -> absl::StatusOr<int> {
    *Screen() << "a line" << std::endl;
    return 0;
  };
  for (const Main main : {few, many}) {
    const Ran full = RunInto(open("/dev/full", O_WRONLY), main);
    EXPECT_EQ(full.exit_code, 1);
    EXPECT_EQ(full.err, "tested: cannot write to standard output: No space left on device\n");
  }
  EXPECT_EQ(RunInto(open("/dev/full", O_WRONLY), screen).exit_code, 0);
  for (const Main main : {few, many, screen}) {
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    close(ends[0]);
    const Ran unread = RunInto(ends[1], main);
    EXPECT_EQ(unread.exit_code, 0);
    EXPECT_EQ(unread.err, "");
  }
}

// Bug once: what was said on stderr went into a checkpoint that had descriptor 2.
TEST(RunProgram, ClosedDescriptorsAreNobodysFile) {
  const pid_t child = fork();
  if (child == 0) {
    setenv("GOMP_SPINCOUNT", "1000", 1);
    for (const int file : {0, 1, 2}) close(file);
    char name[] = "program_test";
    char* argv[] = {name, nullptr};
    _exit(RunProgram("tested", 1, argv,
                     [](int, char**) -> absl::StatusOr<int> { return open("/", O_RDONLY); }));
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status)) << status;
  EXPECT_GT(WEXITSTATUS(status), 2);
}

// The first try that is not disturbed counts.
TEST(SpinCount, IsATimeWhateverAPauseTakes) {
  using Clock = std::chrono::steady_clock;
  const int count = SpinCount(200);
  double least = 1e9;  // µs
  for (int k = 0; k < 50; ++k) {
    const Clock::time_point begin = Clock::now();
    for (int i = 0; i < count; ++i) _mm_pause();
    const std::chrono::duration<double, std::micro> spent = Clock::now() - begin;
    least = std::min(least, spent.count());
  }
  EXPECT_GT(least, 100);
  EXPECT_LT(least, 400);
}

}  // namespace
}  // namespace tools
