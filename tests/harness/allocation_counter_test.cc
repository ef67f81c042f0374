#include "tests/harness/allocation_counter.h"

#include <dlfcn.h>

#include <cstdint>
#include <cstdlib>
#include <new>
#include <string>
#include <vector>

#include "backends/cpu/kernel_table.h"
#include "gtest/gtest.h"
#include "tests/harness/op_case.h"

namespace harness {
namespace {

TEST(AllocationCounter, CountsEachWayToAllocate) {
  ASSERT_TRUE(AllocationsAreCounted());
  EXPECT_EQ(AllocationsOf([] { ::operator delete(::operator new(8)); }).count, 1);
  EXPECT_EQ(AllocationsOf([] { ::operator delete[](::operator new[](8)); }).count, 1);
  const Allocations by_malloc = AllocationsOf([] {
    void* volatile p = malloc(8);
    std::free(p);
  });
  EXPECT_EQ(by_malloc.count, 1);
  EXPECT_NE(by_malloc.first.find("allocation_counter_test"), std::string::npos) << by_malloc.first;
  // Through the C++ library, on our behalf.
  std::string text;
  EXPECT_EQ(AllocationsOf([&] { text.reserve(1000); }).count, 1);
  EXPECT_EQ(AllocationsOf([] {}).count, 0);
}

// oneDNN's sgemm packs its factors into heap memory.
TEST(AllocationCounter, CountsBuffersOfOneDnn) {
  using Sgemm = int (*)(char, char, int64_t, int64_t, int64_t, float, const float*, int64_t,
                        const float*, int64_t, float, float*, int64_t);
  // Found by name, because only the backend's files include oneDNN's headers.
  const auto sgemm = reinterpret_cast<Sgemm>(dlsym(RTLD_DEFAULT, "dnnl_sgemm"));
  ASSERT_NE(sgemm, nullptr);
  const std::vector<float> a(64 * 64, 1.0f);
  std::vector<float> c(64 * 64);
  const auto multiply = [&] {
    sgemm('N', 'N', 64, 64, 64, 1.0f, a.data(), 64, a.data(), 64, 0.0f, c.data(), 64);
  };
  EXPECT_GT(AllocationsOf(multiply).count, 0);
  EXPECT_EQ(AllocationsOf(multiply, /*onednn_may=*/true).count, 0);
}

}  // namespace
}  // namespace harness
