// Linked into a test, makes the CUDA backend the one under test: its own host code on the runtime
// of tests/fake_cuda, its kernels run by tests/simt.
#include "backends/cuda/droppos/kernel_table.h"
#include "backends/cuda/kernel_table.h"
#include "gtest/gtest.h"
#include "tests/fake_cuda/control.h"
#include "tests/harness/backends.h"

namespace harness {
namespace {

// What the emulator and the runtime have found fails the test in which it happened, whatever the
// code under test made of the error.
class FindingsFail : public ::testing::EmptyTestEventListener {
  void OnTestStart(const ::testing::TestInfo&) override { fake_cuda::TakeFindings(); }
  void OnTestEnd(const ::testing::TestInfo&) override {
    for (const std::string& finding : fake_cuda::TakeFindings()) ADD_FAILURE() << finding;
  }
};

graph::Backend MakeEmulatedCuda() {
  static const bool started = [] {
    fake_cuda::Reset();
    ::testing::UnitTest::GetInstance()->listeners().Append(new FindingsFail);
    return true;
  }();
  (void)started;
  graph::Backend backend = backends::cuda::MakeBackend(/*index=*/0, /*threads=*/1).value();
  backends::cuda::droppos::RegisterKernels(&backend);
  return backend;
}

const bool registered = [] {
  SetBackendUnderTest(MakeEmulatedCuda);
  return true;
}();

}  // namespace
}  // namespace harness
