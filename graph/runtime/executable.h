// A compiled net: a flat list of prepared kernels over one arena.
#ifndef GRAPH_RUNTIME_EXECUTABLE_H_
#define GRAPH_RUNTIME_EXECUTABLE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "graph/ir/net.h"
#include "graph/runtime/kernel.h"
#include "graph/runtime/memory_plan.h"
#include "graph/runtime/workspace.h"

namespace graph {

// Sees every operator of a run; for profiling, tracing and looking for the
// first bad blob. It changes nothing. Called on the thread that runs the net.
class TraceHook {
 public:
  virtual ~TraceHook() = default;
  virtual void BeforeOp(const Net& net, OpId op) = 0;
  // `outputs` are the operator's results, valid during the call.
  virtual void AfterOp(const Net& net, OpId op, absl::Span<const Tensor> outputs) = 0;
};

// Made by Compile(). The workspace must outlive it. Run() allocates nothing and
// looks nothing up, but for the first run and the first after the arena has
// moved, which bind the kernels to their memory. One thread at a time may use a
// workspace's executables.
class Executable {
 public:
  // `kernels` are the net's operators in order; `plan` is the net's plan.
  static absl::StatusOr<std::unique_ptr<Executable>> Create(
      Net net, std::vector<std::unique_ptr<Kernel>> kernels, MemoryPlan plan, Workspace* workspace);

  // Runs all operators. An error names the operator; state may then hold a
  // mixture of old and new values.
  absl::Status Run();
  // Several hooks may watch at once. A hook is removed before it is destroyed, if need be from
  // within a call of its own.
  void AddTraceHook(TraceHook* hook) { hooks_.push_back(hook); }
  void RemoveTraceHook(TraceHook* hook);

  // An input, a state or an output of the net; outputs are valid until the next
  // Run of any executable of the workspace, or the next Compile against it,
  // which may move the arena. NOT_FOUND names the blob.
  absl::StatusOr<Tensor> Find(absl::string_view blob) const;

  // The net as it runs, after all passes.
  const Net& net() const { return net_; }
  const MemoryPlan& plan() const { return plan_; }
  const Kernel& kernel(OpId op) const { return *kernels_[op]; }

 private:
  Executable() = default;
  absl::Status BindAll();
  void* Address(BlobId blob) const;

  Net net_;
  std::vector<std::unique_ptr<Kernel>> kernels_;
  MemoryPlan plan_;
  Workspace* workspace_ = nullptr;
  std::vector<void*> persistent_;                // by blob; nullptr: in the arena
  std::vector<std::vector<Tensor>> op_outputs_;  // by operator, for the hook
  absl::flat_hash_map<std::string, BlobId> by_name_;
  void* bound_arena_ = nullptr;
  bool bound_ = false;
  std::vector<TraceHook*> hooks_;
};

}  // namespace graph

#endif  // GRAPH_RUNTIME_EXECUTABLE_H_
