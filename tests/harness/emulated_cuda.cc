#include "tests/harness/emulated_cuda.h"

#include "gtest/gtest.h"
#include "tests/fake_cuda/control.h"
#include "tests/harness/backends.h"
#include "tests/harness/emulated_backend.h"

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
  return true;
}();

}  // namespace

graph::Backend MakeEmulatedCuda() {
  static const bool listening = [] {
    ::testing::UnitTest::GetInstance()->listeners().Append(new FindingsFail);
    return true;
  }();
  (void)listening;
  return MakeEmulatedBackend(/*index=*/0, /*threads=*/1).value();
}

}  // namespace harness
