#include "tests/harness/emulated_cuda.h"

#include "backends/cuda/droppos/kernel_table.h"
#include "backends/cuda/kernel_table.h"
#include "gtest/gtest.h"
#include "tests/fake_cuda/control.h"
#include "tests/harness/backends.h"
#include "tests/harness/op_runner.h"

namespace harness {
namespace {

class FindingsFail : public ::testing::EmptyTestEventListener {
  void OnTestStart(const ::testing::TestInfo&) override { fake_cuda::TakeFindings(); }
  void OnTestEnd(const ::testing::TestInfo&) override {
    for (const std::string& finding : fake_cuda::TakeFindings()) ADD_FAILURE() << finding;
  }
};

const bool registered = [] {
  fake_cuda::Reset();
  SetBackendUnderTest(MakeEmulatedCuda);
  LeaveOutGuards();
  return true;
}();

}  // namespace

graph::Backend MakeEmulatedCuda() {
  static const bool listening = [] {
    ::testing::UnitTest::GetInstance()->listeners().Append(new FindingsFail);
    return true;
  }();
  (void)listening;
  graph::Backend backend = backends::cuda::MakeBackend(/*index=*/0, /*threads=*/1).value();
  backends::cuda::droppos::RegisterKernels(&backend);
  return backend;
}

}  // namespace harness
