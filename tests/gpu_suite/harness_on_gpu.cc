// tests/harness/cuda.h on a GPU.
#include <cuda_runtime_api.h>

#include <atomic>

#include "backends/cuda/droppos/kernel_table.h"
#include "backends/cuda/kernel_table.h"
#include "tests/harness/backends.h"
#include "tests/harness/cuda.h"

namespace {

std::atomic<uint64_t> graph_launches = 0;

}  // namespace

// The linker gives the second name to cudaGraphLaunch where it is called (-Wl,--wrap), and the
// first to the runtime's.
extern "C" {
cudaError_t __real_cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream);
cudaError_t __wrap_cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream) {
  ++graph_launches;
  return __real_cudaGraphLaunch(exec, stream);
}
}

namespace harness {
namespace {

const bool registered = [] {
  SetBackendUnderTest(MakeCuda);
  return true;
}();

}  // namespace

graph::Backend MakeCuda() {
  graph::Backend backend = backends::cuda::MakeBackend(/*index=*/0, /*threads=*/1).value();
  backends::cuda::droppos::RegisterKernels(&backend);
  return backend;
}

uint64_t TakeGraphLaunches() { return graph_launches.exchange(0); }
uint64_t TakeHostWaits() { return 0; }

EarlyWork::EarlyWork() = default;
EarlyWork::~EarlyWork() = default;
WithoutCudnn::WithoutCudnn() = default;
WithoutCudnn::~WithoutCudnn() = default;
RefusedEpilogues::RefusedEpilogues(uint32_t) {}
RefusedEpilogues::~RefusedEpilogues() = default;
bool RefusedEpilogues::active() const { return false; }

}  // namespace harness
