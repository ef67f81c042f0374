// What the functions that launch kernels have in common. Plain C++, so that host code, kernels
// and the emulator's tests share it.
//
// Such a function returns a cudaError_t as an int: that of the launch, not of the kernel's run.
#ifndef BACKENDS_CUDA_LAUNCH_H_
#define BACKENDS_CUDA_LAUNCH_H_

#include <cstdint>

struct CUstream_st;  // CUDA's

namespace graph {
struct Fault;  // graph/runtime/fault.h
}

namespace backends::cuda {

using Stream = CUstream_st*;  // cudaStream_t

// Storage only; arithmetic is in float (device.h converts).
struct BFloat16 {
  uint16_t bits;
};
static_assert(sizeof(BFloat16) == 2, "as in blobs");

// Where a kernel reports that an element is out of range (fault.h), and as whose.
struct FaultSite {
  graph::Fault* fault;
  int op;  // KernelArgs::op
};

}  // namespace backends::cuda

#endif  // BACKENDS_CUDA_LAUNCH_H_
