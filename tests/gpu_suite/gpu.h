// The GPU that a program of this folder runs on.
#ifndef TESTS_GPU_SUITE_GPU_H_
#define TESTS_GPU_SUITE_GPU_H_

#include <string>

namespace gpu_suite {

// Exit codes that ./run knows.
constexpr int kNoGpu = 2, kContextLost = 3;

// Empty if GPU 0 can be used; else one line that says why not.
std::string WhyNoGpu();

}  // namespace gpu_suite

#endif  // TESTS_GPU_SUITE_GPU_H_
