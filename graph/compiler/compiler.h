// From a net to something that runs: verify, passes, placement, memory plan.
#ifndef GRAPH_COMPILER_COMPILER_H_
#define GRAPH_COMPILER_COMPILER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "graph/compiler/backend.h"
#include "graph/runtime/executable.h"
#include "graph/runtime/memory_plan.h"
#include "graph/runtime/workspace.h"
#include "graph/schema/schema.h"

namespace graph {

struct CompileOptions {
  const SchemaRegistry* registry = nullptr;  // with the operators that the backend's lowering makes
  const Backend* backend = nullptr;          // with its device and that device's threads
  PipelineOptions passes;
};

// Compiles `net` against `workspace`, which is on the backend's device (FAILED_PRECONDITION
// otherwise) and in which the net's states are created (zeroed) where they do not exist; its inputs
// lie in a slot of its own. Fails before any work when an operator cannot be placed, listing every
// one that cannot with the backend's reason.
absl::StatusOr<std::unique_ptr<Executable>> Compile(Net net, const CompileOptions& options,
                                                    Workspace* workspace);

// The two halves of Compile. Whoever has several nets for one workspace prepares all of them,
// reserves the largest arena, and then creates them.

// A net that can be created, and what it would need, without any of it being reserved.
struct Prepared {
  Net net;  // as it would run, after all passes
  MemoryPlan plan;
  std::vector<std::string> effective_passes;  // as of RunPipeline
  std::vector<std::unique_ptr<Kernel>> kernels;
  std::shared_ptr<Device> device;  // the backend's
};
absl::StatusOr<Prepared> Prepare(Net net, const CompileOptions& options);

// `workspace` is on the backend's device (FAILED_PRECONDITION otherwise); `slot`: of
// Executable::Create.
absl::StatusOr<std::unique_ptr<Executable>> Create(Prepared prepared, Workspace* workspace,
                                                   std::shared_ptr<InputSlot> slot = nullptr);

}  // namespace graph

#endif  // GRAPH_COMPILER_COMPILER_H_
