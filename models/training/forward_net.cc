#include "models/training/forward_net.h"

#include "graph/base/status.h"
#include "graph/schema/builder.h"

namespace models {
namespace {

bool Has(const graph::Executable& executable, const char* name) { return executable.Has(name); }
bool Has(const graph::InputSlot& slot, const char* name) { return slot.Find(name).ok(); }

template <typename To>
absl::Status Feed(To* to, const Batch& batch) {
  const auto write = [to](const char* name, const auto& values) -> absl::Status {
    if (!Has(*to, name)) return absl::OkStatus();
    return to->Write(name, absl::MakeConstSpan(values));
  };
  RETURN_IF_ERROR(write(kBatchInputs[0], batch.images));
  RETURN_IF_ERROR(write(kBatchInputs[1], batch.keys));
  RETURN_IF_ERROR(write(kBatchInputs[2], batch.labels));
  RETURN_IF_ERROR(write(kBatchInputs[3], batch.mix_mode));
  RETURN_IF_ERROR(write(kBatchInputs[4], batch.mix_lam));
  return write(kBatchInputs[5], batch.mix_box);
}

}  // namespace

absl::Status FeedBatch(graph::Executable* executable, const Batch& batch) {
  return Feed(executable, batch);
}

absl::Status FeedBatch(graph::InputSlot* slot, const Batch& batch) { return Feed(slot, batch); }

absl::StatusOr<graph::Net> ForwardNet::BuildNet(
    const std::string& net_name, const graph::SchemaRegistry& registry,
    const std::function<Outputs(ModelBuilder*)>& build) {
  graph::NetBuilder builder(&registry, net_name);
  ModelBuilder model_builder(&builder);
  const Outputs outputs = build(&model_builder);
  RETURN_IF_ERROR(builder.status());
  for (const auto& [name, blob] : outputs) {
    blob_of_output_[name] = builder.net().blob(blob).name;
    builder.Output(blob);
  }
  parameters_ = model_builder.parameters();
  return builder.Finish();
}

absl::StatusOr<graph::Net> ForwardNet::Build(const std::string& net_name,
                                             const graph::SchemaRegistry& registry,
                                             const std::function<Outputs(ModelBuilder*)>& build) {
  return ForwardNet().BuildNet(net_name, registry, build);
}

absl::StatusOr<std::unique_ptr<ForwardNet>> ForwardNet::Compile(
    const std::string& net_name, const graph::CompileOptions& options,
    const std::function<Outputs(ModelBuilder*)>& build, graph::Workspace* workspace,
    const std::shared_ptr<graph::InputSlot>& inputs) {
  std::unique_ptr<ForwardNet> result(new ForwardNet());
  ASSIGN_OR_RETURN(graph::Net net, result->BuildNet(net_name, *options.registry, build));
  ASSIGN_OR_RETURN(graph::Prepared prepared, graph::Prepare(std::move(net), options));
  const bool shared = inputs != nullptr && inputs->Fits(prepared.net);
  ASSIGN_OR_RETURN(result->executable_,
                   graph::Create(std::move(prepared), workspace, shared ? inputs : nullptr));
  return result;
}

absl::StatusOr<graph::Tensor> ForwardNet::Input(const std::string& name) {
  return executable_->Find(name);
}

absl::StatusOr<graph::ConstTensor> ForwardNet::Output(const std::string& name) const {
  const auto it = blob_of_output_.find(name);
  const graph::Executable& executable = *executable_;
  return executable.Find(it == blob_of_output_.end() ? name : it->second);
}

}  // namespace models
