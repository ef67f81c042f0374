// A suite in which something of each kind happens, for run_test.py.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "gtest/gtest.h"
#include "tests/gpu_suite/gpu.h"

namespace {

TEST(Toy, Passes) {}
TEST(Toy, Fails) { EXPECT_EQ(1, 2) << "on purpose"; }
TEST(Toy, Skips) { GTEST_SKIP() << "no reason"; }
TEST(Toy, EndsTheProcess) { std::abort(); }
TEST(Toy, PassesBehindIt) {}
bool lost = false;
TEST(Toy, LosesTheContext) {
  lost = true;
  FAIL();
}
TEST(Toy, Hangs) {
  while (std::getenv("TOY_HANGS") != nullptr) {
  }
}

// As gpu_suite's: it ends the process when GoogleTest has named the next test.
class Listener : public ::testing::EmptyTestEventListener {
  void OnTestStart(const ::testing::TestInfo&) override {
    if (!lost) return;
    std::fflush(stdout);
    std::_Exit(gpu_suite::kContextLost);
  }
};

class Named : public ::testing::TestWithParam<const char*> {};
TEST_P(Named, Fails) { ADD_FAILURE() << "with " << GetParam(); }
INSTANTIATE_TEST_SUITE_P(Of, Named, ::testing::Values("name"), [](const auto& info) {
  return std::string(info.param);
});

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  // As gpu_probe.
  if (argc == 2 && std::strcmp(argv[1], "--check") == 0) {
    if (std::getenv("TOY_HAS_NO_GPU") == nullptr) return 0;
    std::fprintf(stderr, "toy: no GPU\n");
    return gpu_suite::kNoGpu;
  }
  if (std::getenv("TOY_GPU_IS_GONE") != nullptr && !testing::GTEST_FLAG(list_tests)) {
    std::fprintf(stderr, "toy: it fell off the bus\n");
    return gpu_suite::kNoGpu;
  }
  testing::UnitTest::GetInstance()->listeners().Append(new Listener);
  return RUN_ALL_TESTS();
}
