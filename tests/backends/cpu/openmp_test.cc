// Runs with OMP_DYNAMIC=true and OMP_MAX_ACTIVE_LEVELS=0, by which a team has one thread.
#include "backends/cpu/openmp.h"

#include <omp.h>
#include <sched.h>

#include <atomic>

#include "gtest/gtest.h"

namespace backends::cpu {
namespace {

int Team(int threads) {
  std::atomic<int> team{0};
#pragma omp parallel num_threads(threads)
  ++team;
  return team;
}

TEST(StartTeam, OverridesWhatWouldMakeATeamSmaller) {
  ASSERT_EQ(omp_get_max_active_levels(), 0) << "the test's own environment is not there";
  ASSERT_EQ(omp_get_dynamic(), 1);
  ASSERT_EQ(Team(3), 1);
  const absl::Status status = StartTeam(3);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(omp_get_dynamic(), 0);
  EXPECT_EQ(Team(3), 3);
  EXPECT_EQ(omp_get_max_threads(), 3);
}

TEST(AllowedCpus, AreThoseOfTheProcess) {
  cpu_set_t before;
  ASSERT_EQ(sched_getaffinity(0, sizeof(before), &before), 0);
  EXPECT_EQ(AllowedCpus(), CPU_COUNT(&before));
  cpu_set_t one;
  CPU_ZERO(&one);
  for (int i = 0; CPU_COUNT(&one) == 0; ++i) {
    if (CPU_ISSET(i, &before)) CPU_SET(i, &one);
  }
  ASSERT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
  EXPECT_EQ(AllowedCpus(), 1);
  ASSERT_EQ(sched_setaffinity(0, sizeof(before), &before), 0);
}

}  // namespace
}  // namespace backends::cpu
