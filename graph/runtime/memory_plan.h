// The place of every intermediate blob and every kernel's scratch in the arena.
#ifndef GRAPH_RUNTIME_MEMORY_PLAN_H_
#define GRAPH_RUNTIME_MEMORY_PLAN_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "graph/ir/net.h"
#include "graph/runtime/device.h"

namespace graph {

// One piece of the arena: the blobs that share it (through in-place
// annotations), or one operator's scratch.
struct Allocation {
  std::vector<BlobId> blobs;  // empty: scratch
  OpId first = 0;             // first operator that uses it
  OpId last = 0;              // last operator; number of operators for net outputs
  size_t bytes = 0;
  size_t offset = 0;  // multiple of the alignment
};

struct MemoryPlan {
  std::vector<Allocation> allocations;
  std::vector<int> allocation_of_blob;  // index, or kNone: input or state
  std::vector<int> scratch_of_op;       // index, or kNone: no scratch
  size_t arena_bytes = 0;
  size_t alignment = kAlignment;
  // The largest sum of bytes alive at any operator: no plan can be smaller.
  size_t lower_bound_bytes = 0;
};

// Plans a verified net. Inputs, state entries and state exits are not in the
// arena (an exit lies where its entry lies). `scratch_bytes` has one number for each
// operator; `alignment` is that of the device's tensors. A blob lives from its writer
// to its last reader, a net output to the end. Deterministic. graph/runtime/packing.h
// packs to within a few percent of the lower bound, in milliseconds for most nets of
// a thousand operators and never more than some tenths of a second.
MemoryPlan PlanMemory(const Net& net, absl::Span<const size_t> scratch_bytes,
                      size_t alignment = kAlignment);

// A table of the allocations alive at the peak, largest first.
std::string ExplainPlan(const Net& net, const MemoryPlan& plan);

}  // namespace graph

#endif  // GRAPH_RUNTIME_MEMORY_PLAN_H_
