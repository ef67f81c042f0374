// What tests of kernels ask of tests/simt, on a GPU: its memory, and launches that are the
// compiler's own. Accesses are counted and orders chosen by the emulator alone. Errors end the
// test, as findings do.
#include <cuda_runtime_api.h>

#include <stdexcept>

#include "tests/simt/emulator.h"

namespace simt {
namespace {

void Check(cudaError_t error, const std::string& what) {
  if (error == cudaSuccess) return;
  throw std::runtime_error(what + ": " + cudaGetErrorName(error) + ", " +
                           cudaGetErrorString(error));
}

}  // namespace

bool IsEmulated() { return false; }
void SetOrder(Order, uint64_t) {}
Traffic GlobalTraffic() { return {}; }

void* Allocate(size_t bytes, const std::string& name) {
  void* p = nullptr;
  Check(cudaMalloc(&p, bytes > 0 ? bytes : 1), "allocating '" + name + "'");
  // As the emulator does, so that what is not written is a NaN.
  Check(cudaMemset(p, 0xff, bytes), "clearing '" + name + "'");
  return p;
}
void Free(void* p) { cudaFree(p); }

void CopyIn(void* to_device, const void* from, size_t bytes) {
  Check(cudaMemcpy(to_device, from, bytes, cudaMemcpyHostToDevice), "copying to the device");
}
void CopyOut(void* to, const void* from_device, size_t bytes) {
  Check(cudaDeviceSynchronize(), "running a kernel");
  Check(cudaMemcpy(to, from_device, bytes, cudaMemcpyDeviceToHost), "copying to the host");
}

}  // namespace simt
