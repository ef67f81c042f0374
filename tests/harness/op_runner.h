// Runs single operators and small nets in guarded, poisoned memory.
#ifndef TESTS_HARNESS_OP_RUNNER_H_
#define TESTS_HARNESS_OP_RUNNER_H_

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "graph/compiler/backend.h"
#include "graph/ir/net.h"
#include "tests/harness/allocation_counter.h"
#include "tests/harness/host_tensor.h"

namespace harness {

// An operator named "case" with complete attributes and the types of its
// outputs, or what the schema says against it.
struct TypedOp {
  graph::Op op;
  std::vector<graph::TensorType> inputs;
  std::vector<graph::TensorType> outputs;
};
absl::StatusOr<TypedOp> MakeOp(const std::string& type, graph::Attrs attrs,
                               std::vector<graph::TensorType> inputs);

// For devices whose every access is checked: buffers without guard bytes, where a read past an end
// is seen, which guards would hide.
void LeaveOutGuards();

// Memory of a device, aligned as it says, with guard bytes on both sides. Aborts where the device
// fails: tests have nothing to say then.
class GuardedBuffer {
 public:
  GuardedBuffer(graph::Device* device, size_t bytes);
  void* data() const { return data_; }
  void Write(const void* from);
  void Read(void* to) const;
  // All bytes 0xff: NaN as a float, -1 as a signed integer.
  void Poison();
  bool GuardsIntact() const;

 private:
  graph::Device* device_;
  size_t bytes_;
  graph::Block memory_;
  uint8_t* data_;
};

// One prepared kernel in memory of its backend's device. Each Run() binds it when it has moved,
// copies the inputs, poisons outputs and scratch, and afterwards checks that guards are
// intact and that inputs which share no output are unchanged. A fault is its error.
class OpRunner {
 public:
  // With more than one thread, the loops of the CPU backend run on a team however
  // small they are. The kernel's Unimplemented is passed on. `in_place` are (input, output)
  // positions that share memory.
  static absl::StatusOr<std::unique_ptr<OpRunner>> Create(
      const graph::Backend& backend, const TypedOp& op, int threads,
      std::vector<std::pair<int, int>> in_place = {});

  absl::StatusOr<std::vector<HostTensor>> Run(const std::vector<HostTensor>& inputs);
  // What the kernel itself allocated in the last Run. `onednn_may`: of AllocationsOf.
  const Allocations& allocations() const { return allocations_; }
  void AllowOneDnn(bool onednn_may) { onednn_may_ = onednn_may; }
  // New buffers: the next Run binds again.
  void Move();

 private:
  OpRunner(std::shared_ptr<graph::Device> device, TypedOp op, int threads,
           std::vector<std::pair<int, int>> in_place)
      : device_(std::move(device)),
        op_(std::move(op)),
        threads_(threads),
        in_place_(std::move(in_place)) {}
  std::unique_ptr<GuardedBuffer> NewBuffer(size_t bytes) const {
    return std::make_unique<GuardedBuffer>(device_.get(), bytes);
  }

  std::shared_ptr<graph::Device> device_;  // before the buffers, which it outlives
  TypedOp op_;
  int threads_;
  std::vector<std::pair<int, int>> in_place_;
  std::unique_ptr<graph::Kernel> kernel_;
  std::vector<std::unique_ptr<GuardedBuffer>> inputs_;
  std::vector<std::unique_ptr<GuardedBuffer>> own_outputs_;  // null where shared
  std::vector<GuardedBuffer*> outputs_;
  std::unique_ptr<GuardedBuffer> scratch_, fault_;
  bool bound_ = false;
  Allocations allocations_;
  bool onednn_may_ = false;
};

// One operator, run once on the reference backend.
absl::StatusOr<std::vector<HostTensor>> RunReference(const std::string& type, graph::Attrs attrs,
                                                     const std::vector<HostTensor>& inputs);
// The same on any backend.
absl::StatusOr<std::vector<HostTensor>> RunOn(const graph::Backend& backend,
                                              const std::string& type, graph::Attrs attrs,
                                              const std::vector<HostTensor>& inputs,
                                              int threads = 1);

// Runs all operators of `net` in order, without a memory plan, and returns the
// blobs `fetch`. `feeds` holds the values of inputs and state entries.
absl::StatusOr<std::vector<HostTensor>> EvaluateNet(
    const graph::Net& net, const graph::Backend& backend,
    const std::map<graph::BlobId, HostTensor>& feeds, absl::Span<const graph::BlobId> fetch);

}  // namespace harness

#endif  // TESTS_HARNESS_OP_RUNNER_H_
