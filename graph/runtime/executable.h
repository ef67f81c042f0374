// A compiled net: a flat list of prepared kernels over one arena.
#ifndef GRAPH_RUNTIME_EXECUTABLE_H_
#define GRAPH_RUNTIME_EXECUTABLE_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "graph/ir/net.h"
#include "graph/runtime/input_slot.h"
#include "graph/runtime/kernel.h"
#include "graph/runtime/memory_plan.h"
#include "graph/runtime/workspace.h"

namespace graph {

// Observes every operator of a run, for profiling, tracing and finding the first
// bad blob. It changes nothing. Called on the thread that runs the net.
class TraceHook {
 public:
  virtual ~TraceHook() = default;
  virtual void BeforeOp(const Net& net, OpId op) = 0;
  // `outputs` are the operator's results, valid during the call.
  virtual void AfterOp(const Net& net, OpId op, absl::Span<const ConstTensor> outputs) = 0;
};

// Made by Compile(). The workspace must outlive it. Run() allocates nothing and looks nothing up,
// except when it binds the kernels to their memory: on the first run, and on the first after
// Use(). A device that can capture does so on the second run with a slot, because libraries allocate
// on the first, and replays from then on. One thread at a time may use a workspace's executables.
class Executable {
 public:
  ~Executable();  // waits for what was submitted

  // `kernels` has one kernel for each operator, in order, not yet prepared; `plan` is the net's
  // plan. Creates the net's missing states in `workspace` and its missing inputs in `slot`, or in
  // a slot of its own if none is given.
  static absl::StatusOr<std::unique_ptr<Executable>> Create(
      Net net, std::vector<std::unique_ptr<Kernel>> kernels, MemoryPlan plan, Workspace* workspace,
      std::shared_ptr<InputSlot> slot = nullptr);

  // From now on runs read from `slot`; creates the inputs that it lacks. FAILED_PRECONDITION if
  // it has an input of another type.
  absl::Status Use(std::shared_ptr<InputSlot> slot);
  const std::shared_ptr<InputSlot>& slot() const { return slot_; }

  // Starts all operators; they may still run when it returns. Copies that read or write inputs,
  // states and outputs wait for them. With a hook it waits after each operator and returns the
  // first fault.
  absl::Status Submit();
  // Waits for what was submitted. OutOfRange names the operator, blob and element if a kernel
  // found a fault in its data; then no update was applied (ops/clip_factors.h), and other states
  // and the outputs may hold anything.
  absl::Status Wait();
  // Submit and Wait. An error names the operator; states may then mix old and new values.
  absl::Status Run() {
    absl::Status status = Submit();
    status.Update(Wait());
    return status;
  }
  // Several hooks may watch at once. Remove a hook before it is destroyed; it may remove itself
  // during a call.
  void AddTraceHook(TraceHook* hook) { hooks_.push_back(hook); }
  void RemoveTraceHook(TraceHook* hook);

  // An input, a state or an output of the net; outputs are valid until the next
  // Run of any executable of the workspace. NOT_FOUND names the blob.
  absl::StatusOr<ConstTensor> Find(absl::string_view blob) const;
  absl::StatusOr<Tensor> Find(absl::string_view blob);
  // Copy the elements out and in. Small outputs are on the host already when Wait() returns, so
  // that reading a step's numbers waits for nothing. NOT_FOUND names the blob, InvalidArgument a
  // wrong number of elements; aborts if T is not the element type.
  template <typename T>
  absl::StatusOr<std::vector<T>> Read(absl::string_view blob) const {
    ASSIGN_OR_RETURN(const ConstTensor tensor, Find(blob));
    const T* const begin = static_cast<const T*>(Brought(blob));
    if (begin == nullptr) return tensor.Read<T>();
    CHECK(tensor.type.dtype == DTypeOf<T>::value);
    return std::vector<T>(begin, begin + tensor.type.elements());
  }
  template <typename T>
  absl::Status Write(absl::string_view blob, absl::Span<const T> from) {
    ASSIGN_OR_RETURN(const Tensor tensor, Find(blob));
    return Annotate(IsInput(blob) ? slot_->Write(blob, from) : tensor.Write(from),
                    absl::StrCat("'", blob, "' of net '", net_.name, "'"));
  }
  template <typename T>
  absl::Status WriteScalar(absl::string_view blob, T value) {
    return Write(blob, absl::MakeConstSpan(&value, 1));
  }
  bool Has(absl::string_view blob) const { return by_name_.contains(blob); }

  // The net as it runs, after all passes.
  const Net& net() const { return net_; }
  const MemoryPlan& plan() const { return plan_; }
  const Kernel& kernel(OpId op) const { return *kernels_[op]; }

 private:
  Executable() = default;
  absl::Status BindAll();
  // Reserves what runs bring to the host, where it cannot reach the device's memory.
  absl::Status ReserveBrought();
  // Starts the copies to it, after the kernels, within the device's Launch or Capture.
  absl::Status Bring();
  // What the last run has brought of the blob; null if nothing, or if it may still run.
  const void* Brought(absl::string_view blob) const;
  // The kernels of [begin, end), within the device's Launch or Capture.
  absl::Status RunOps(size_t begin, size_t end);
  // All of them, or what was captured of them.
  absl::Status StartAll();
  bool IsInput(absl::string_view blob) const;
  void* Address(BlobId blob) const;
  void* InArena(int allocation) const;

  Net net_;
  std::vector<std::unique_ptr<Kernel>> kernels_;
  MemoryPlan plan_;
  Workspace* workspace_ = nullptr;
  std::shared_ptr<InputSlot> slot_;
  std::shared_ptr<const Block> arena_;
  Block fault_;                                       // a Fault
  Block brought_;                                     // on the host: a Fault, small outputs
  absl::flat_hash_map<BlobId, size_t> brought_at_;    // offsets of those outputs
  enum { kNothing, kOnTheWay, kHere } bringing_ = kNothing;
  std::vector<void*> persistent_;                     // by blob; nullptr: in the arena
  std::vector<std::vector<ConstTensor>> op_outputs_;  // by operator, for hooks
  absl::flat_hash_map<std::string, BlobId> by_name_;
  bool bound_ = false;
  // How the net has run with a slot, for those that still exist.
  struct PastRuns {
    std::weak_ptr<InputSlot> slot;
    CapturedWork captured;  // null until the second run
  };
  std::vector<PastRuns> past_;
  std::vector<TraceHook*> hooks_;
};

}  // namespace graph

#endif  // GRAPH_RUNTIME_EXECUTABLE_H_
