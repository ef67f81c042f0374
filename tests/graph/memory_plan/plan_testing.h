// Nets whose operators compute nothing in particular, and a check of plans.
#ifndef TESTS_GRAPH_MEMORY_PLAN_PLAN_TESTING_H_
#define TESTS_GRAPH_MEMORY_PLAN_PLAN_TESTING_H_

#include <string>
#include <utility>
#include <vector>

#include "graph/ir/net.h"
#include "graph/runtime/memory_plan.h"

namespace graph {

TensorType Floats(int64_t elements);

// Appends an operator whose outputs, named "<name>:<k>", have the given types.
std::vector<BlobId> AddOp(Net* net, const std::string& name, std::vector<BlobId> inputs,
                          const std::vector<TensorType>& outputs,
                          std::vector<std::pair<int, int>> in_place = {});

BlobId AddInput(Net* net, const std::string& name, int64_t elements);

std::vector<size_t> NoScratch(const Net& net);

// Checks a plan by running the net on it: each operator finds in the arena what
// it reads exactly as it was written, whatever was written in between. Also:
// alignment, bounds, and no two allocations alive at once that overlap.
void CheckPlan(const Net& net, const MemoryPlan& plan);

}  // namespace graph

#endif  // TESTS_GRAPH_MEMORY_PLAN_PLAN_TESTING_H_
