// What a kernel finds wrong in its data.
#ifndef GRAPH_RUNTIME_FAULT_H_
#define GRAPH_RUNTIME_FAULT_H_

#include <cstdint>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "graph/ir/net.h"

namespace graph {

constexpr double kNoBound = std::numeric_limits<double>::infinity();

// An executable has one, in its device's memory: kernels write it, Executable::Wait reads it. All
// zero if nothing is wrong; the first of several faults stays.
struct Fault {
  int32_t found = 0;    // 1: an element is outside [low, high)
  int32_t op = 0;       // KernelArgs::op
  int32_t input = 0;    // position among the operator's inputs
  int64_t element = 0;  // row-major
  double value = 0, low = -kNoBound, high = kNoBound;
};

// OutOfRange: "Attention 'x': 'ids' i32[2,3] is 7 at element 4, and must be at least 0 and below
// 5". `blob` is the input, of type `type`.
absl::Status FaultError(const Fault& fault, const Op& op, absl::string_view blob,
                        const TensorType& type);

}  // namespace graph

#endif  // GRAPH_RUNTIME_FAULT_H_
