#include "gtest/gtest.h"
#include "tests/fake_cuda/control.h"
#include "tests/harness/backends.h"
#include "tests/harness/cuda.h"
#include "tests/harness/emulated_backend.h"
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
  SetBackendUnderTest(MakeCuda);
  LeaveOutGuards();
  return true;
}();

}  // namespace

graph::Backend MakeCuda() {
  static const bool listening = [] {
    ::testing::UnitTest::GetInstance()->listeners().Append(new FindingsFail);
    return true;
  }();
  (void)listening;
  return MakeEmulatedBackend(/*index=*/0, /*threads=*/1).value();
}

uint64_t TakeGraphLaunches() { return fake_cuda::TakeCounters().graph_launches; }
uint64_t TakeHostWaits() { return fake_cuda::TakeCounters().host_waits; }

EarlyWork::EarlyWork() {
  fake_cuda::Options options;
  options.mode = fake_cuda::Mode::kEarly;
  options.seed = 1;
  fake_cuda::Reset(options);
}
EarlyWork::~EarlyWork() { fake_cuda::Reset(); }

WithoutCudnn::WithoutCudnn() {
  fake_cuda::Options options;
  options.cudnn = false;
  fake_cuda::Reset(options);
}
WithoutCudnn::~WithoutCudnn() { fake_cuda::Reset(); }

RefusedEpilogues::RefusedEpilogues(uint32_t bits) {
  fake_cuda::Options options;
  options.refused_epilogues = bits;
  fake_cuda::Reset(options);
}
RefusedEpilogues::~RefusedEpilogues() { fake_cuda::Reset(); }
bool RefusedEpilogues::active() const { return true; }

}  // namespace harness
