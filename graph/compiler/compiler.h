// From a net to something that runs: verify, passes, placement, memory plan.
#ifndef GRAPH_COMPILER_COMPILER_H_
#define GRAPH_COMPILER_COMPILER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "graph/passes/pipeline.h"
#include "graph/runtime/executable.h"
#include "graph/runtime/kernel.h"
#include "graph/runtime/memory_plan.h"
#include "graph/runtime/workspace.h"
#include "graph/schema/schema.h"

namespace graph {

struct CompileOptions {
  const SchemaRegistry* registry = nullptr;
  const Backend* backend = nullptr;
  int threads = 1;
  PipelineOptions passes;
};

struct CompileReport {
  std::vector<PassReport> passes;
  std::vector<std::string> placement;  // one line an operator: "cpu  LayerNorm 'norm1'"
};

// Compiles `net` against `workspace`, whose blobs for the net's inputs and
// states are created (zeroed) where they do not exist. Fails before any work
// when an operator cannot be placed, listing every one that cannot with the
// backend's reason. `report` may be null.
absl::StatusOr<std::unique_ptr<Executable>> Compile(Net net, const CompileOptions& options,
                                                    Workspace* workspace,
                                                    CompileReport* report = nullptr);

// What a net would need, without any of it being reserved.
struct NetPlan {
  Net net;  // as it would run, after all passes
  MemoryPlan plan;
  CompileReport report;
};

// As Compile, up to the memory plan.
absl::StatusOr<NetPlan> PlanNet(Net net, const CompileOptions& options);

}  // namespace graph

#endif  // GRAPH_COMPILER_COMPILER_H_
