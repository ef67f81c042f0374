#include "graph/runtime/executable.h"

#include <algorithm>

#include "graph/base/status.h"

namespace graph {

absl::StatusOr<std::unique_ptr<Executable>> Executable::Create(
    Net net, std::vector<std::unique_ptr<Kernel>> kernels, MemoryPlan plan, Workspace* workspace) {
  CHECK(kernels.size() == net.ops.size());
  std::unique_ptr<Executable> exe(new Executable());
  exe->net_ = std::move(net);
  exe->kernels_ = std::move(kernels);
  exe->plan_ = std::move(plan);
  exe->workspace_ = workspace;
  const Net& n = exe->net_;
  exe->persistent_.assign(n.blobs.size(), nullptr);
  for (BlobId b : n.inputs) {
    ASSIGN_OR_RETURN(Tensor tensor, workspace->Create(n.blob(b).name, n.type(b)));
    exe->persistent_[b] = tensor.data;
    exe->by_name_[n.blob(b).name] = b;
  }
  for (const State& s : n.states) {
    ASSIGN_OR_RETURN(Tensor tensor, workspace->Create(n.blob(s.entry).name, n.type(s.entry)));
    exe->persistent_[s.entry] = exe->persistent_[s.exit] = tensor.data;
    exe->by_name_[n.blob(s.entry).name] = s.entry;
  }
  for (BlobId b : n.outputs) exe->by_name_[n.blob(b).name] = b;
  const absl::Status reserved = workspace->ReserveArena(exe->plan_.arena_bytes);
  if (!reserved.ok()) {
    return Annotate(reserved, absl::StrCat("the arena of net '", n.name,
                                           "' (a smaller batch needs a smaller one)"));
  }
  return exe;
}

void* Executable::Address(BlobId blob) const {
  if (persistent_[blob] != nullptr) return persistent_[blob];
  const int allocation = plan_.allocation_of_blob[blob];
  CHECK(allocation != kNone);
  return static_cast<char*>(workspace_->arena()) + plan_.allocations[allocation].offset;
}

absl::Status Executable::BindAll() {
  op_outputs_.assign(net_.ops.size(), {});
  for (size_t i = 0; i < net_.ops.size(); ++i) {
    const Op& op = net_.ops[i];
    KernelArgs args;
    for (BlobId b : op.inputs) args.inputs.push_back(Address(b));
    for (BlobId b : op.outputs) {
      args.outputs.push_back(Address(b));
      op_outputs_[i].push_back({net_.type(b), Address(b)});
    }
    if (plan_.scratch_of_op[i] != kNone) {
      args.scratch = static_cast<char*>(workspace_->arena()) +
                     plan_.allocations[plan_.scratch_of_op[i]].offset;
    }
    absl::Status status = kernels_[i]->Bind(args);
    if (!status.ok()) return Annotate(status, op.Describe());
  }
  bound_arena_ = workspace_->arena();
  bound_ = true;
  return absl::OkStatus();
}

void Executable::RemoveTraceHook(TraceHook* hook) {
  hooks_.erase(std::remove(hooks_.begin(), hooks_.end(), hook), hooks_.end());
}

absl::Status Executable::Run() {
  if (!bound_ || bound_arena_ != workspace_->arena()) RETURN_IF_ERROR(BindAll());
  for (size_t i = 0; i < kernels_.size(); ++i) {
    // Backwards, because a hook may remove itself.
    for (size_t h = hooks_.size(); h-- > 0;) hooks_[h]->BeforeOp(net_, static_cast<OpId>(i));
    absl::Status status = kernels_[i]->Run();
    if (!status.ok()) return Annotate(status, net_.ops[i].Describe());
    for (size_t h = hooks_.size(); h-- > 0;) {
      hooks_[h]->AfterOp(net_, static_cast<OpId>(i), op_outputs_[i]);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Tensor> Executable::Find(absl::string_view blob) const {
  const auto it = by_name_.find(blob);
  if (it == by_name_.end()) {
    return absl::NotFoundError(
        absl::StrCat("net '", net_.name, "' has no input, state or output '", blob, "'"));
  }
  return Tensor{net_.type(it->second), Address(it->second)};
}

}  // namespace graph
