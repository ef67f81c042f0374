#include "gtest/gtest.h"
#include "tests/fake_cuda/control.h"
#include "tests/harness/backends.h"
#include "tests/harness/cuda.h"
#include "tests/harness/emulated_backend.h"
#include "tests/harness/op_runner.h"

namespace harness {
namespace {

void FailOfFindings() {
  for (const std::string& finding : fake_cuda::TakeFindings()) ADD_FAILURE() << finding;
}

class FindingsFail : public ::testing::EmptyTestEventListener {
  void OnTestStart(const ::testing::TestInfo&) override { fake_cuda::TakeFindings(); }
  void OnTestEnd(const ::testing::TestInfo&) override { FailOfFindings(); }
};

// Another machine, which knows nothing of what was found on the one before.
void Restart(const fake_cuda::Options& options = {}) {
  FailOfFindings();
  fake_cuda::Reset(options);
}

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
  Restart(options);
}
EarlyWork::~EarlyWork() { Restart(); }

WithoutCudnn::WithoutCudnn() {
  fake_cuda::Options options;
  options.cudnn = false;
  Restart(options);
}
WithoutCudnn::~WithoutCudnn() { Restart(); }

RefusedEpilogues::RefusedEpilogues(uint32_t bits) {
  fake_cuda::Options options;
  options.refused_epilogues = bits;
  Restart(options);
}
RefusedEpilogues::~RefusedEpilogues() { Restart(); }
bool RefusedEpilogues::active() const { return true; }

}  // namespace harness
