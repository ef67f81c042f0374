// The CUDA backend that a test links: emulated (:emulated_cuda) or of a GPU (:gpu_cuda). Either is
// also the backend under test, and each test fails for what it leaves behind: findings of the
// emulator, an error of the GPU.
#ifndef TESTS_HARNESS_CUDA_H_
#define TESTS_HARNESS_CUDA_H_

#include <cstdint>

#include "graph/compiler/backend.h"

namespace harness {

// With the plugin's kernels, as programs load it.
graph::Backend MakeCuda();

// Captured graphs that were launched since the last call.
uint64_t TakeGraphLaunches();
// Calls in which the host waited for the device since the last call; 0 on a GPU, where nobody
// counts.
uint64_t TakeHostWaits();

// While it lives, work is done as early as documents allow, not as late as they do. A GPU begins
// when it can: nothing changes there.
class EarlyWork {
 public:
  EarlyWork();
  ~EarlyWork();
  EarlyWork(const EarlyWork&) = delete;
};

// While it lives, MakeCuda() finds no cuDNN on the emulated device. Made first, destroyed last.
class WithoutCudnn {
 public:
  WithoutCudnn();
  ~WithoutCudnn();
  WithoutCudnn(const WithoutCudnn&) = delete;
};

// While it lives, the emulated cuBLASLt has no algorithm for these bits of cublasLtEpilogue_t. A
// GPU's refuses what it does: there this changes nothing, and active() is false. As above.
class RefusedEpilogues {
 public:
  explicit RefusedEpilogues(uint32_t bits);
  ~RefusedEpilogues();
  RefusedEpilogues(const RefusedEpilogues&) = delete;
  bool active() const;
};

}  // namespace harness

#endif  // TESTS_HARNESS_CUDA_H_
