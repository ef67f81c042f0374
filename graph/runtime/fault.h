// What a kernel found wrong in its data. Plain, because kernels for devices include it.
#ifndef GRAPH_RUNTIME_FAULT_H_
#define GRAPH_RUNTIME_FAULT_H_

#include <cstdint>

namespace graph {

// An executable has one, in its device's memory: kernels write it, Executable::Wait reads it. All
// zero if nothing is wrong; the first of several faults stays, on a device with parallel threads
// any one of those that an operator finds. Bounds that do not exist are infinite.
struct Fault {
  int32_t found = 0;    // 1: an element is outside [low, high)
  int32_t op = 0;       // KernelArgs::op
  int32_t input = 0;    // position among the operator's inputs
  int64_t element = 0;  // row-major
  double value = 0, low = 0, high = 0;
};

}  // namespace graph

#endif  // GRAPH_RUNTIME_FAULT_H_
