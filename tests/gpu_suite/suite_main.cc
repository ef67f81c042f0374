// Tests of operators, kernels and nets on GPU 0. ./run starts this program, a file of tests at a
// time; GoogleTest's own flags work, too.
#include <cuda_runtime_api.h>

#include <cstdio>
#include <cstdlib>

#include "gtest/gtest.h"
#include "tests/gpu_suite/gpu.h"

namespace gpu_suite {
namespace {

class ErrorsFail : public ::testing::EmptyTestEventListener {
  // Of a lost context every later call is an error: the tests behind it need another process.
  void OnTestStart(const ::testing::TestInfo&) override {
    if (!lost_) return;
    std::printf("The GPU's context is lost.\n");
    std::fflush(stdout);
    std::_Exit(kContextLost);
  }
  void OnTestEnd(const ::testing::TestInfo&) override {
    cudaError_t error = cudaDeviceSynchronize();
    if (error == cudaSuccess) error = cudaGetLastError();
    if (error != cudaSuccess) {
      ADD_FAILURE() << "left behind: " << cudaGetErrorName(error) << ", "
                    << cudaGetErrorString(error);
    }
    lost_ = cudaDeviceSynchronize() != cudaSuccess;
  }
  bool lost_ = false;
};

}  // namespace
}  // namespace gpu_suite

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (!testing::GTEST_FLAG(list_tests)) {
    const std::string why = gpu_suite::WhyNoGpu();
    if (!why.empty()) {
      std::fprintf(stderr, "gpu_suite: no GPU to test: %s\n", why.c_str());
      return gpu_suite::kNoGpu;
    }
    testing::UnitTest::GetInstance()->listeners().Append(new gpu_suite::ErrorsFail);
  }
  return RUN_ALL_TESTS();
}
