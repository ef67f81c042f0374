#include "tests/harness/op_runner.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "backends/cpu/kernel_util.h"
#include "graph/base/status.h"
#include "graph/schema/schema.h"
#include "tests/harness/backends.h"

namespace harness {
namespace {

size_t guard_bytes = 64;
constexpr uint8_t kGuardByte = 0xa5;

// While it lives, and unless `threads` is 1, no loop is too small for a team.
class TeamsForAll {
 public:
  explicit TeamsForAll(int threads)
      : before_(backends::cpu::SetSerialElementsForTest(
            threads > 1 ? 0 : backends::cpu::SerialElements())) {}
  ~TeamsForAll() { backends::cpu::SetSerialElementsForTest(before_); }

 private:
  const int64_t before_;
};

// That the table has said whose code the kernel runs.
absl::Status CheckImplementation(const graph::KernelTraits& traits,
                                 const graph::Kernel& kernel) {
  const std::string name = kernel.implementation();
  for (const std::string& known : traits.implementations) {
    if (name.empty() ? known == "own" : absl::StartsWith(name, known)) return absl::OkStatus();
  }
  return absl::InternalError(absl::StrCat("its kernel is '", name, "', and the table names only ",
                                          absl::StrJoin(traits.implementations, ", ")));
}

}  // namespace

absl::StatusOr<TypedOp> MakeOp(const std::string& type, graph::Attrs attrs,
                               std::vector<graph::TensorType> inputs) {
  const graph::Schema* schema = TestRegistry().Find(type);
  if (schema == nullptr) return graph::InvalidArgument("no operator is called '", type, "'");
  TypedOp result;
  result.op.type = type;
  result.op.name = "case";
  result.op.attrs = std::move(attrs);
  graph::BlobId next = 0;
  for (size_t i = 0; i < inputs.size(); ++i) result.op.inputs.push_back(next++);
  for (size_t i = 0; i < schema->NumOutputs(inputs.size()); ++i)
    result.op.outputs.push_back(next++);
  RETURN_IF_ERROR(TestRegistry().CompleteAttrs(&result.op));
  ASSIGN_OR_RETURN(result.outputs, TestRegistry().Infer(result.op, inputs));
  if (result.outputs.size() != schema->NumOutputs(inputs.size())) {
    return absl::InternalError(absl::StrCat(type, ": inferred ", result.outputs.size(),
                                            " outputs of ", schema->NumOutputs(inputs.size())));
  }
  result.inputs = std::move(inputs);
  return result;
}

void LeaveOutGuards() { guard_bytes = 0; }

// Guard, data, guard; the data begins where the device wants tensors to begin.
GuardedBuffer::GuardedBuffer(graph::Device* device, size_t bytes) : device_(device), bytes_(bytes) {
  const size_t before = graph::AlignUp(guard_bytes, device->alignment());
  memory_ = device->Allocate(before + bytes + guard_bytes, graph::Contents::kGarbage).value();
  data_ = static_cast<uint8_t*>(memory_.data()) + before;
  const std::vector<uint8_t> guard(guard_bytes, kGuardByte);
  CHECK(device_->CopyIn(data_ - guard_bytes, guard.data(), guard_bytes).ok());
  CHECK(device_->CopyIn(data_ + bytes_, guard.data(), guard_bytes).ok());
}

// An empty tensor's elements are nowhere, which copies must not be told.
void GuardedBuffer::Write(const void* from) {
  CHECK(bytes_ == 0 || device_->CopyIn(data_, from, bytes_).ok());
}

void GuardedBuffer::Read(void* to) const {
  CHECK(bytes_ == 0 || device_->CopyOut(to, data_, bytes_).ok());
}

void GuardedBuffer::Poison() { Write(std::vector<uint8_t>(bytes_, 0xff).data()); }

bool GuardedBuffer::GuardsIntact() const {
  std::vector<uint8_t> guards(2 * guard_bytes);
  CHECK(device_->CopyOut(guards.data(), data_ - guard_bytes, guard_bytes).ok());
  CHECK(device_->CopyOut(guards.data() + guard_bytes, data_ + bytes_, guard_bytes).ok());
  return std::all_of(guards.begin(), guards.end(), [](uint8_t b) { return b == kGuardByte; });
}

absl::StatusOr<std::unique_ptr<OpRunner>> OpRunner::Create(
    const graph::Backend& backend, const TypedOp& op, int threads,
    std::vector<std::pair<int, int>> in_place) {
  const graph::KernelFactory* factory = backend.kernels.Find(op.op.type);
  if (factory == nullptr) {
    return absl::NotFoundError(
        absl::StrCat("backend '", backend.name, "' has no kernel for ", op.op.type));
  }
  auto runner =
      std::unique_ptr<OpRunner>(new OpRunner(backend.device, op, threads, std::move(in_place)));
  {
    // Gone when the kernel runs, as in the compiler.
    const graph::Op copy = op.op;
    graph::KernelSpec spec;
    spec.op = &copy;
    spec.inputs = op.inputs;
    spec.outputs = op.outputs;
    spec.threads = threads;
    ASSIGN_OR_RETURN(runner->kernel_, (*factory)(spec));
  }
  RETURN_IF_ERROR(CheckImplementation(*backend.kernels.FindTraits(op.op.type), *runner->kernel_));
  RETURN_IF_ERROR(runner->kernel_->Prepare());
  runner->Move();
  return runner;
}

void OpRunner::Move() {
  // The old buffers go only when the new ones exist, so addresses differ.
  auto old_inputs = std::move(inputs_);
  auto old_outputs = std::move(own_outputs_);
  auto old_scratch = std::move(scratch_);
  inputs_.clear();
  own_outputs_.clear();
  outputs_.clear();
  for (const auto& type : op_.inputs) {
    inputs_.push_back(NewBuffer(type.bytes()));
  }
  for (size_t o = 0; o < op_.outputs.size(); ++o) {
    GuardedBuffer* shared = nullptr;
    for (const auto& pair : in_place_) {
      if (pair.second == static_cast<int>(o)) shared = inputs_[pair.first].get();
    }
    own_outputs_.push_back(shared ? nullptr : NewBuffer(op_.outputs[o].bytes()));
    outputs_.push_back(shared ? shared : own_outputs_.back().get());
  }
  scratch_ = NewBuffer(kernel_->scratch_bytes());
  fault_ = NewBuffer(sizeof(graph::Fault));
  bound_ = false;
}

absl::StatusOr<std::vector<HostTensor>> OpRunner::Run(const std::vector<HostTensor>& inputs) {
  CHECK(inputs.size() == op_.inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) CHECK(inputs[i].type() == op_.inputs[i]);
  for (auto& buffer : own_outputs_) {
    if (buffer != nullptr) buffer->Poison();
  }
  scratch_->Poison();
  for (size_t i = 0; i < inputs.size(); ++i) inputs_[i]->Write(inputs[i].data());
  graph::Fault fault;
  fault_->Write(&fault);
  if (!bound_) {
    graph::KernelArgs args;
    for (const auto& buffer : inputs_) args.inputs.push_back(buffer->data());
    for (const auto* buffer : outputs_) args.outputs.push_back(buffer->data());
    args.scratch = scratch_->data();
    args.stream = device_->stream(graph::StreamRole::kCompute);
    args.fault = static_cast<graph::Fault*>(fault_->data());
    RETURN_IF_ERROR(kernel_->Bind(args));
    bound_ = true;
  }
  {
    const TeamsForAll teams(threads_);
    absl::Status run;
    const auto launch = [&] { run = device_->Launch([&] { return kernel_->Run(); }); };
    allocations_ = AllocationsOf(launch, onednn_may_);
    RETURN_IF_ERROR(run);
    RETURN_IF_ERROR(device_->Synchronize());
  }
  fault_->Read(&fault);
  if (fault.found != 0) {
    return graph::FaultError(fault, op_.op, absl::StrCat("input ", fault.input),
                             op_.inputs[fault.input]);
  }

  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs_[i]->GuardsIntact()) {
      return absl::InternalError(absl::StrCat("wrote outside input ", i));
    }
    const bool shared = std::any_of(in_place_.begin(), in_place_.end(), [&](const auto& pair) {
      return pair.first == static_cast<int>(i);
    });
    if (shared || inputs[i].bytes() == 0) continue;
    HostTensor after(op_.inputs[i]);
    inputs_[i]->Read(after.data());
    if (std::memcmp(after.data(), inputs[i].data(), inputs[i].bytes()) != 0) {
      return absl::InternalError(absl::StrCat("changed input ", i));
    }
  }
  if (!scratch_->GuardsIntact()) return absl::InternalError("wrote outside its scratch");
  std::vector<HostTensor> results;
  for (size_t o = 0; o < outputs_.size(); ++o) {
    if (!outputs_[o]->GuardsIntact()) {
      return absl::InternalError(absl::StrCat("wrote outside output ", o));
    }
    results.emplace_back(op_.outputs[o]);
    outputs_[o]->Read(results.back().data());
  }
  return results;
}

absl::StatusOr<std::vector<HostTensor>> RunOn(const graph::Backend& backend,
                                              const std::string& type, graph::Attrs attrs,
                                              const std::vector<HostTensor>& inputs, int threads) {
  std::vector<graph::TensorType> types;
  for (const auto& input : inputs) types.push_back(input.type());
  ASSIGN_OR_RETURN(const TypedOp op, MakeOp(type, std::move(attrs), std::move(types)));
  ASSIGN_OR_RETURN(auto runner, OpRunner::Create(backend, op, threads));
  return runner->Run(inputs);
}

absl::StatusOr<std::vector<HostTensor>> RunReference(const std::string& type, graph::Attrs attrs,
                                                     const std::vector<HostTensor>& inputs) {
  return RunOn(ReferenceBackend(), type, std::move(attrs), inputs);
}

absl::StatusOr<std::vector<HostTensor>> EvaluateNet(
    const graph::Net& net, const graph::Backend& backend,
    const std::map<graph::BlobId, HostTensor>& feeds, absl::Span<const graph::BlobId> fetch) {
  std::map<graph::BlobId, HostTensor> values = feeds;
  for (const graph::Op& op : net.ops) {
    TypedOp typed{op, {}, {}};
    std::vector<HostTensor> inputs;
    for (graph::BlobId id : op.inputs) {
      const auto it = values.find(id);
      if (it == values.end()) {
        return absl::FailedPreconditionError(
            absl::StrCat(op.Describe(), " reads '", net.blob(id).name, "', which was not fed"));
      }
      typed.inputs.push_back(net.type(id));
      inputs.push_back(it->second);
    }
    for (graph::BlobId id : op.outputs) typed.outputs.push_back(net.type(id));
    ASSIGN_OR_RETURN(auto runner, OpRunner::Create(backend, typed, 1));
    auto outputs = runner->Run(inputs);
    if (!outputs.ok()) return graph::Annotate(outputs.status(), op.Describe());
    for (size_t o = 0; o < op.outputs.size(); ++o) values[op.outputs[o]] = (*outputs)[o];
  }
  std::vector<HostTensor> results;
  for (graph::BlobId id : fetch) {
    const auto it = values.find(id);
    if (it == values.end()) {
      return absl::NotFoundError(absl::StrCat("nothing computes '", net.blob(id).name, "'"));
    }
    results.push_back(it->second);
  }
  return results;
}

}  // namespace harness
