// Runs with OMP_THREAD_LIMIT=2.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <string>

#include "backends/cpu/kernel_table.h"
#include "backends/cpu/openmp.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace backends::cpu {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(StartTeam, NamesTheVariableThatMakesATeamSmaller) {
  EXPECT_EQ(OpenMpThreadLimit(), 2);
  EXPECT_TRUE(StartTeam(2).ok());
  const absl::Status status = StartTeam(3);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("2 of the 3 threads"), HasSubstr("OMP_THREAD_LIMIT=2; unset it"),
                    HasSubstr("--threads=2")));
  EXPECT_EQ(MakeBackend(3).status(), status);
}

// A child without room for the threads' stacks, as under ulimit -v: root has no limit of
// processes.
TEST(StartTeam, ThreadsThatCannotBeHadAreAnErrorBeforeOpenMpEndsTheProcess) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    int64_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    const rlim_t room = static_cast<rlim_t>(pages) * getpagesize() + (1 << 20);
    const rlimit limit = {room, room};
    setrlimit(RLIMIT_AS, &limit);
    const std::string text(StartTeam(8).message());
    [[maybe_unused]] const auto written = write(ends[1], text.data(), text.size());
    _exit(0);
  }
  close(ends[1]);
  std::string text(1000, '\0');
  text.resize(static_cast<size_t>(std::max<ssize_t>(read(ends[0], text.data(), text.size()), 0)));
  close(ends[0]);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  EXPECT_THAT(text, AllOf(HasSubstr(" of the 8 threads that are to compute"),
                          HasSubstr("lower --threads")));
}

}  // namespace
}  // namespace backends::cpu
