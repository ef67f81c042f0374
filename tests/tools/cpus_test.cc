#include "tools/cpus.h"

#include <filesystem>
#include <fstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace tools {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
namespace fs = std::filesystem;

// A root of its own for each test.
class CpuQuotaTest : public ::testing::Test {
 protected:
  void SetUp() override { fs::remove_all(root_); }
  void Write(const std::string& path, const std::string& text) {
    fs::create_directories(fs::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << text;
  }
  const std::string root_ = ::testing::TempDir() + "cpus_" +
                            ::testing::UnitTest::GetInstance()->current_test_info()->name();
};

TEST_F(CpuQuotaTest, NoneWithoutFiles) { EXPECT_EQ(CpuQuota(root_), 0); }

TEST_F(CpuQuotaTest, OfVersionTwo) {
  Write("/sys/fs/cgroup/cpu.max", "max 100000\n");
  EXPECT_EQ(CpuQuota(root_), 0);
  Write("/sys/fs/cgroup/cpu.max", "400000 100000\n");  // docker --cpus=4
  EXPECT_EQ(CpuQuota(root_), 4);
  // Groups further down are tighter or not; half a CPU is one thread.
  Write("/proc/self/cgroup", "0::/user/job\n");
  Write("/sys/fs/cgroup/user/cpu.max", "150000 100000\n");
  Write("/sys/fs/cgroup/user/job/cpu.max", "800000 100000\n");
  EXPECT_EQ(CpuQuota(root_), 2);
  Write("/sys/fs/cgroup/user/job/cpu.max", "50000 100000\n");
  EXPECT_EQ(CpuQuota(root_), 1);
}

TEST_F(CpuQuotaTest, OfVersionOne) {
  Write("/proc/self/cgroup", "7:cpu,cpuacct:/box/job\n4:memory:/x\n");
  Write("/sys/fs/cgroup/cpu/box/cpu.cfs_quota_us", "-1\n");
  Write("/sys/fs/cgroup/cpu/box/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(CpuQuota(root_), 0);
  Write("/sys/fs/cgroup/cpu/box/job/cpu.cfs_quota_us", "250000\n");
  Write("/sys/fs/cgroup/cpu/box/job/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(CpuQuota(root_), 3);
  Write("/sys/fs/cgroup/cpu/x/cpu.cfs_quota_us", "1000\n");  // memory's group is not cpu's
  Write("/sys/fs/cgroup/cpu/x/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(CpuQuota(root_), 3);
}

TEST_F(CpuQuotaTest, WhatIsNoQuotaIsPassedOver) {
  for (const char* text : {"", "max", "0 100000", "100000 0", "-5 100000", "x y", "1e300 1e-300"}) {
    Write("/sys/fs/cgroup/cpu.max", text);
    EXPECT_GE(CpuQuota(root_), 0) << text;
    EXPECT_TRUE(CpuQuota(root_) == 0 || text[0] == '1') << text;
  }
}

TEST(Cpus, TheLeastCounts) {
  Cpus cpus;
  cpus.machine = 64;
  cpus.allowed = 16;
  EXPECT_EQ(cpus.usable(), 16);
  cpus.quota = 4;
  EXPECT_EQ(cpus.usable(), 4);
  cpus.thread_limit = 3;
  EXPECT_EQ(cpus.usable(), 3);
  cpus.quota = cpus.thread_limit = 100;
  EXPECT_EQ(cpus.usable(), 16);
  cpus.allowed = 4096;
  cpus.quota = cpus.thread_limit = 0;
  EXPECT_EQ(cpus.usable(), 1024);  // what --threads takes, in flags.txt, too
}

TEST(DetectCpus, FindsThisMachine) {
  const Cpus cpus = DetectCpus();
  EXPECT_GE(cpus.allowed, 1);
  EXPECT_GE(cpus.machine, cpus.allowed);
  EXPECT_GE(cpus.usable(), 1);
  EXPECT_LE(cpus.usable(), cpus.allowed);
}

TEST(ThreadNotes, NothingWhereAllIsUsual) {
  Cpus cpus;
  cpus.machine = cpus.allowed = 8;
  EXPECT_THAT(ThreadNotes(8, cpus, nullptr), IsEmpty());
  EXPECT_THAT(ThreadNotes(2, cpus, "2"), IsEmpty());
  cpus.machine = cpus.allowed = 1;
  EXPECT_THAT(ThreadNotes(1, cpus, nullptr), IsEmpty());
}

TEST(ThreadNotes, MoreThreadsThanCpus) {
  Cpus cpus;
  cpus.machine = 64;
  cpus.allowed = 4;
  EXPECT_THAT(ThreadNotes(8, cpus, nullptr),
              ElementsAre(AllOf(HasSubstr("--threads=8 is more than the 4 CPUs"),
                                HasSubstr("--threads=4"))));
  cpus.quota = 2;
  EXPECT_THAT(ThreadNotes(3, cpus, nullptr),
              ElementsAre(AllOf(HasSubstr("the 2 CPUs"), HasSubstr("CPU quota"))));
  cpus.allowed = 1;
  EXPECT_THAT(ThreadNotes(2, cpus, nullptr),
              ElementsAre(AllOf(HasSubstr("the 1 CPU "), HasSubstr("bound to one of 64"))));
}

TEST(ThreadNotes, ALauncherThatBindsToOneCpu) {
  Cpus cpus;
  cpus.machine = 64;
  EXPECT_THAT(ThreadNotes(1, cpus, nullptr),
              ElementsAre(AllOf(HasSubstr("bound to one of the machine's 64 CPUs"),
                                HasSubstr("launcher"))));
}

TEST(ThreadNotes, AnOmpNumThreadsThatIsOverridden) {
  Cpus cpus;
  cpus.machine = cpus.allowed = 8;
  for (const char* value : {"4", "4,2", "", "many"}) {
    EXPECT_THAT(ThreadNotes(8, cpus, value),
                ElementsAre(AllOf(HasSubstr(std::string("OMP_NUM_THREADS=") + value + " "),
                                  HasSubstr("--threads=8"))));
  }
}

}  // namespace
}  // namespace tools
