#include "graph/runtime/executable.h"

#include <algorithm>
#include <cstring>

#include "graph/base/status.h"

namespace graph {

absl::StatusOr<std::unique_ptr<Executable>> Executable::Create(
    Net net, std::vector<std::unique_ptr<Kernel>> kernels, MemoryPlan plan, Workspace* workspace,
    std::shared_ptr<InputSlot> slot) {
  CHECK(kernels.size() == net.ops.size());
  std::unique_ptr<Executable> exe(new Executable());
  exe->net_ = std::move(net);
  exe->kernels_ = std::move(kernels);
  exe->plan_ = std::move(plan);
  exe->workspace_ = workspace;
  const Net& n = exe->net_;
  exe->persistent_.assign(n.blobs.size(), nullptr);
  if (slot == nullptr) slot = std::make_shared<InputSlot>(workspace->shared_device());
  RETURN_IF_ERROR(exe->Use(std::move(slot)));
  for (BlobId b : n.inputs) exe->by_name_[n.blob(b).name] = b;
  for (const State& s : n.states) {
    ASSIGN_OR_RETURN(Tensor tensor, workspace->Create(n.blob(s.entry).name, n.type(s.entry)));
    exe->persistent_[s.entry] = exe->persistent_[s.exit] = tensor.data;
    exe->by_name_[n.blob(s.entry).name] = s.entry;
  }
  for (BlobId b : n.outputs) exe->by_name_[n.blob(b).name] = b;
  RETURN_IF_ERROR(Annotate(
      workspace->ReserveArena(exe->plan_.arena_bytes),
      absl::StrCat("the arena of net '", n.name, "' (a smaller batch needs a smaller one)")));
  exe->arena_ = workspace->arena();
  ASSIGN_OR_RETURN(exe->fault_, workspace->device().Allocate(sizeof(Fault), Contents::kZero));
  RETURN_IF_ERROR(exe->ReserveBrought());
  for (size_t i = 0; i < exe->kernels_.size(); ++i) {
    RETURN_IF_ERROR(Annotate(exe->kernels_[i]->Prepare(), n.ops[i].Describe()));
  }
  return exe;
}

Executable::~Executable() { workspace_->device().Synchronize().IgnoreError(); }

absl::Status Executable::Use(std::shared_ptr<InputSlot> slot) {
  if (slot == slot_) return absl::OkStatus();
  if (!ShareMemory(slot->device(), workspace_->device())) {
    return absl::FailedPreconditionError(
        absl::StrCat("net '", net_.name, "': the slot is on device '", slot->device().name(),
                     "', the workspace on '", workspace_->device().name(), "'"));
  }
  std::vector<void*> addresses;  // all of them, before any is changed
  for (BlobId b : net_.inputs) {
    ASSIGN_OR_RETURN(const Tensor tensor, slot->Create(net_.blob(b).name, net_.type(b)));
    addresses.push_back(tensor.data);
  }
  for (size_t i = 0; i < addresses.size(); ++i) persistent_[net_.inputs[i]] = addresses[i];
  slot_ = std::move(slot);
  bound_ = false;
  return absl::OkStatus();
}

void* Executable::Address(BlobId blob) const {
  if (persistent_[blob] != nullptr) return persistent_[blob];
  const int allocation = plan_.allocation_of_blob[blob];
  CHECK(allocation != kNone);
  return InArena(allocation);
}

void* Executable::InArena(int allocation) const {
  // A net of empty blobs has no arena.
  if (arena_ == nullptr) return nullptr;
  return static_cast<char*>(arena_->data()) + plan_.allocations[allocation].offset;
}

absl::Status Executable::ReserveBrought() {
  constexpr size_t kMostBytes = 4096;  // of an output: a scalar, or a number for each image
  Device& device = workspace_->device();
  if (device.host_accessible()) return absl::OkStatus();
  size_t bytes = AlignUp(sizeof(Fault));
  for (const BlobId b : net_.outputs) {
    // What lies outside the arena others may change after the run.
    if (persistent_[b] != nullptr || net_.type(b).bytes() > kMostBytes) continue;
    if (!brought_at_.emplace(b, bytes).second) continue;
    bytes += AlignUp(net_.type(b).bytes());
  }
  ASSIGN_OR_RETURN(brought_, device.AllocateHost(bytes));
  return absl::OkStatus();
}

absl::Status Executable::Bring() {
  if (brought_.data() == nullptr) return absl::OkStatus();
  Device& device = workspace_->device();
  char* const begin = static_cast<char*>(brought_.data());
  RETURN_IF_ERROR(device.StartCopyOut(begin, fault_.data(), sizeof(Fault)));
  for (const auto& [blob, offset] : brought_at_) {
    RETURN_IF_ERROR(
        device.StartCopyOut(begin + offset, Address(blob), net_.type(blob).bytes()));
  }
  return absl::OkStatus();
}

const void* Executable::Brought(absl::string_view blob) const {
  if (bringing_ != kHere) return nullptr;
  const auto at = brought_at_.find(by_name_.find(blob)->second);
  if (at == brought_at_.end()) return nullptr;
  return static_cast<const char*>(brought_.data()) + at->second;
}

absl::Status Executable::BindAll() {
  op_outputs_.assign(net_.ops.size(), {});
  for (size_t i = 0; i < net_.ops.size(); ++i) {
    const Op& op = net_.ops[i];
    KernelArgs args;
    args.stream = workspace_->device().stream(StreamRole::kCompute);
    args.fault = static_cast<Fault*>(fault_.data());
    args.op = static_cast<int>(i);
    for (BlobId b : op.inputs) args.inputs.push_back(Address(b));
    for (BlobId b : op.outputs) {
      args.outputs.push_back(Address(b));
      op_outputs_[i].push_back({net_.type(b), Address(b), &workspace_->device()});
    }
    if (plan_.scratch_of_op[i] != kNone) args.scratch = InArena(plan_.scratch_of_op[i]);
    RETURN_IF_ERROR(Annotate(kernels_[i]->Bind(args), op.Describe()));
  }
  bound_ = true;
  return absl::OkStatus();
}

void Executable::RemoveTraceHook(TraceHook* hook) {
  hooks_.erase(std::remove(hooks_.begin(), hooks_.end(), hook), hooks_.end());
}

absl::Status Executable::Submit() {
  Device& device = workspace_->device();
  bringing_ = kNothing;
  RETURN_IF_ERROR(slot_->BeginRead());
  if (hooks_.empty()) {
    absl::Status status = StartAll();
    if (status.ok() && brought_.data() != nullptr) bringing_ = kOnTheWay;
    status.Update(slot_->EndRead());  // what was started reads the slot, even if something failed
    return status;
  }
  if (!bound_) RETURN_IF_ERROR(BindAll());
  size_t i = 0;
  for (; i < kernels_.size() && !hooks_.empty(); ++i) {
    // Backwards, because a hook may remove itself.
    for (size_t h = hooks_.size(); h-- > 0;) hooks_[h]->BeforeOp(net_, static_cast<OpId>(i));
    absl::Status status = device.Launch([&] { return RunOps(i, i + 1); });
    status.Update(Wait());
    RETURN_IF_ERROR(status);
    for (size_t h = hooks_.size(); h-- > 0;) {
      hooks_[h]->AfterOp(net_, static_cast<OpId>(i), op_outputs_[i]);
    }
  }
  // The last hook may have removed itself.
  absl::Status status = device.Launch([&] { return RunOps(i, kernels_.size()); });
  status.Update(slot_->EndRead());
  return status;
}

absl::Status Executable::StartAll() {
  Device& device = workspace_->device();
  past_.erase(std::remove_if(past_.begin(), past_.end(),
                             [](const PastRuns& runs) { return runs.slot.expired(); }),
              past_.end());
  const auto runs = std::find_if(past_.begin(), past_.end(), [this](const PastRuns& runs) {
    return runs.slot.lock() == slot_;
  });
  if (runs != past_.end() && runs->captured != nullptr) return device.Replay(runs->captured);
  if (!bound_) RETURN_IF_ERROR(BindAll());
  const auto run_all = [&]() -> absl::Status {
    RETURN_IF_ERROR(RunOps(0, kernels_.size()));
    return Bring();
  };
  if (runs != past_.end()) {
    ASSIGN_OR_RETURN(runs->captured, device.Capture(run_all));
    if (runs->captured != nullptr) return device.Replay(runs->captured);
  } else {
    past_.push_back({slot_, nullptr});
  }
  return device.Launch(run_all);
}

absl::Status Executable::Wait() {
  Device& device = workspace_->device();
  RETURN_IF_ERROR(device.Synchronize());
  if (bringing_ == kOnTheWay) bringing_ = kHere;
  Fault fault;
  if (bringing_ == kHere) {
    std::memcpy(&fault, brought_.data(), sizeof(fault));
  } else {
    RETURN_IF_ERROR(device.CopyOut(&fault, fault_.data(), sizeof(fault)));
  }
  if (fault.found == 0) return absl::OkStatus();
  const Fault none = {};
  if (bringing_ == kHere) std::memcpy(brought_.data(), &none, sizeof(none));
  RETURN_IF_ERROR(device.CopyIn(fault_.data(), &none, sizeof(none)));
  const Op& op = net_.ops[fault.op];
  const BlobId blob = op.inputs[fault.input];
  return FaultError(fault, op, net_.blob(blob).name, net_.type(blob));
}

absl::Status Executable::RunOps(size_t begin, size_t end) {
  for (size_t i = begin; i < end; ++i) {
    absl::Status status = kernels_[i]->Run();
    if (!status.ok()) return Annotate(status, net_.ops[i].Describe());
  }
  return absl::OkStatus();
}

bool Executable::IsInput(absl::string_view blob) const {
  const BlobId id = by_name_.find(blob)->second;
  return std::find(net_.inputs.begin(), net_.inputs.end(), id) != net_.inputs.end();
}

absl::StatusOr<ConstTensor> Executable::Find(absl::string_view blob) const {
  const auto it = by_name_.find(blob);
  if (it == by_name_.end()) {
    return absl::NotFoundError(
        absl::StrCat("net '", net_.name, "' has no input, state or output '", blob, "'"));
  }
  return ConstTensor{net_.type(it->second), Address(it->second), &workspace_->device()};
}

absl::StatusOr<Tensor> Executable::Find(absl::string_view blob) {
  ASSIGN_OR_RETURN(const ConstTensor found, static_cast<const Executable*>(this)->Find(blob));
  return Tensor{found.type, const_cast<void*>(found.data), found.device};
}

}  // namespace graph
