// What the functions that launch kernels have in common; plain C++.
#ifndef BACKENDS_CUDA_LAUNCH_H_
#define BACKENDS_CUDA_LAUNCH_H_

#include <cstdint>

struct CUstream_st;  // CUDA's

namespace graph {
struct Fault;  // graph/runtime/fault.h
}

namespace backends::cuda {

using Stream = CUstream_st*;  // cudaStream_t

// Storage; computed in float.
struct BFloat16 {
  uint16_t bits;
};

// Where a kernel reports that an element is out of range (fault.h), and as whose.
struct FaultSite {
  graph::Fault* fault;
  int op;  // KernelArgs::op
};

}  // namespace backends::cuda

#endif  // BACKENDS_CUDA_LAUNCH_H_
