#include "graph/runtime/host_device.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <string>

#include "gtest/gtest.h"

namespace graph {
namespace {

bool Aligned(const void* p) { return reinterpret_cast<uintptr_t>(p) % kAlignment == 0; }

Block Allocated(size_t bytes, Contents contents = Contents::kZero) {
  static const auto* device = new std::shared_ptr<Device>(MakeHostDevice());
  return (*device)->Allocate(bytes, contents).value();
}

TEST(HostDevice, SaysWhatItIs) {
  const auto device = MakeHostDevice(3);
  EXPECT_EQ(device->name(), "cpu");
  EXPECT_EQ(device->threads(), 3);
  EXPECT_EQ(device->alignment(), kAlignment);
  EXPECT_TRUE(device->host_accessible());
}

TEST(HostDevice, BlocksAreAlignedZeroedAndOwned) {
  for (size_t bytes : {1, 63, 64, 65, 1000}) {
    const Block block = Allocated(bytes);
    EXPECT_EQ(block.size(), bytes);
    EXPECT_TRUE(Aligned(block.data()));
    const char* data = static_cast<const char*>(block.data());
    EXPECT_TRUE(std::all_of(data, data + bytes, [](char c) { return c == 0; }));
  }
  Block a = Allocated(10);
  void* data = a.data();
  const Block b = std::move(a);
  EXPECT_EQ(b.data(), data);
  EXPECT_EQ(Block().data(), nullptr);
  EXPECT_NE(Allocated(0).data(), nullptr);
  EXPECT_NE(Allocated(0, Contents::kGarbage).data(), nullptr);
}

TEST(HostDevice, LargeBlocksLieAtHugePages) {
  for (size_t bytes : {kHugePage - 1, kHugePage, 3 * kHugePage + 5}) {
    Block block = Allocated(bytes);
    EXPECT_EQ(block.size(), bytes);
    char* data = static_cast<char*>(block.data());
    if (bytes >= kHugePage) {
      EXPECT_EQ(reinterpret_cast<uintptr_t>(data) % kHugePage, 0u);
    }
    EXPECT_TRUE(std::all_of(data, data + bytes, [](char c) { return c == 0; }));
    std::fill(data, data + bytes, 1);
    block = Allocated(10, Contents::kGarbage);
  }
}

TEST(HostDevice, TooMuchMemoryIsAnError) {
  // More than any address space holds.
  const auto block = MakeHostDevice()->Allocate(size_t{1} << 62, Contents::kGarbage);
  EXPECT_EQ(block.status().code(), absl::StatusCode::kResourceExhausted);
}

// A root of its own for each test.
std::string Root() {
  const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
  const std::string root = ::testing::TempDir() + "memory_" + test->name();
  mkdir(root.c_str(), 0700);
  return root;
}

void Write(const std::string& root, const std::string& path, const std::string& text) {
  for (size_t at = path.find('/', 1); at != std::string::npos; at = path.find('/', at + 1)) {
    mkdir((root + path.substr(0, at)).c_str(), 0700);
  }
  std::ofstream(root + path) << text;
}

TEST(AvailableHostMemory, NothingIsKnownWithoutFiles) {
  EXPECT_FALSE(AvailableHostMemory("/nonexistent").has_value());
  EXPECT_GT(AvailableHostMemory().value_or(1), 0u);
}

TEST(AvailableHostMemory, OfTheMachine) {
  const std::string root = Root();
  Write(root, "/proc/meminfo", "MemTotal: 9000 kB\nMemFree: 10 kB\nMemAvailable:    700 kB\n");
  EXPECT_EQ(AvailableHostMemory(root), 700u * 1024);
}

TEST(AvailableHostMemory, OfControlGroups) {
  const std::string root = Root();
  Write(root, "/proc/meminfo", "MemAvailable: 7000 kB\n");
  Write(root, "/sys/fs/cgroup/memory.max", "max\n");
  Write(root, "/sys/fs/cgroup/memory.current", "5000\n");
  EXPECT_EQ(AvailableHostMemory(root), 7000u * 1024);
  // File cache can be dropped.
  Write(root, "/sys/fs/cgroup/memory.max", "1000000\n");
  Write(root, "/sys/fs/cgroup/memory.current", "500000\n");
  Write(root, "/sys/fs/cgroup/memory.stat", "anon 1\ninactive_file 100000\n");
  EXPECT_EQ(AvailableHostMemory(root), 600000u);
  // A group further down is tighter; what is used is more than its limit.
  Write(root, "/proc/self/cgroup", "0::/user/job\n");
  Write(root, "/sys/fs/cgroup/user/job/memory.max", "300000\n");
  Write(root, "/sys/fs/cgroup/user/job/memory.current", "100000\n");
  EXPECT_EQ(AvailableHostMemory(root), 200000u);
  Write(root, "/sys/fs/cgroup/user/job/memory.current", "400000\n");
  EXPECT_EQ(AvailableHostMemory(root), 0u);
}

TEST(AvailableHostMemory, OfControlGroupsOfVersionOne) {
  const std::string root = Root();
  Write(root, "/proc/self/cgroup", "7:cpu,cpuacct:/x\n4:memory:/box\n");
  Write(root, "/sys/fs/cgroup/memory/box/memory.limit_in_bytes", "5000\n");
  Write(root, "/sys/fs/cgroup/memory/box/memory.usage_in_bytes", "2000\n");
  Write(root, "/sys/fs/cgroup/memory/box/memory.stat", "total_inactive_file 500\n");
  EXPECT_EQ(AvailableHostMemory(root), 3500u);
}

}  // namespace
}  // namespace graph
