#include "models/training/forward_net.h"

#include "graph/base/status.h"
#include "graph/schema/builder.h"

namespace models {
namespace {

template <typename T>
absl::Status FeedIfPresent(graph::Executable* executable, const std::string& name,
                           const std::vector<T>& values) {
  if (!executable->Has(name)) return absl::OkStatus();
  return executable->Write(name, absl::MakeConstSpan(values));
}

}  // namespace

absl::Status FeedBatch(graph::Executable* executable, const Batch& batch) {
  RETURN_IF_ERROR(FeedIfPresent(executable, "images", batch.images));
  RETURN_IF_ERROR(FeedIfPresent(executable, "keys", batch.keys));
  return FeedIfPresent(executable, "labels", batch.labels);
}

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
