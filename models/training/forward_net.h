// A forward pass that runs on its own, for tools and evaluations, in a training session's workspace
// or without one.
#ifndef MODELS_TRAINING_FORWARD_NET_H_
#define MODELS_TRAINING_FORWARD_NET_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "graph/compiler/compiler.h"
#include "graph/runtime/executable.h"
#include "graph/runtime/workspace.h"
#include "models/data/loader.h"
#include "models/layers/model_builder.h"

namespace models {

// The inputs that a net may have of a batch.
inline constexpr const char* kBatchInputs[] = {"images",   "keys",    "labels",
                                               "mix_mode", "mix_lam", "mix_box"};

// Copies the batch to those of them that the net has.
absl::Status FeedBatch(graph::Executable* executable, const Batch& batch);
// And to those that `slot` has.
absl::Status FeedBatch(graph::InputSlot* slot, const Batch& batch);

class ForwardNet {
 public:
  // The blobs to read, by names that the caller chooses.
  using Outputs = std::vector<std::pair<std::string, graph::BlobId>>;

  // The net that `build` appends, for plans (SessionOptions::other_nets).
  static absl::StatusOr<graph::Net> Build(const std::string& net_name,
                                          const graph::SchemaRegistry& registry,
                                          const std::function<Outputs(ModelBuilder*)>& build);

  // Compiles what `build` appends. Parameters are those of `workspace`, by name: a session's, or
  // zeros until LoadParameters. It must outlive the net. `inputs` is used for the inputs that fit
  // (InputSlot::Fits), else the net's own.
  static absl::StatusOr<std::unique_ptr<ForwardNet>> Compile(
      const std::string& net_name, const graph::CompileOptions& options,
      const std::function<Outputs(ModelBuilder*)>& build, graph::Workspace* workspace,
      const std::shared_ptr<graph::InputSlot>& inputs = nullptr);

  // An input of the net. NOT_FOUND names it.
  absl::StatusOr<graph::Tensor> Input(const std::string& name);
  absl::Status Feed(const Batch& batch) { return FeedBatch(executable_.get(), batch); }
  absl::Status Run() { return executable_->Run(); }
  // Valid until the next Run of any net of the workspace. NOT_FOUND names it.
  absl::StatusOr<graph::ConstTensor> Output(const std::string& name) const;
  // A copy of its elements.
  template <typename T>
  absl::StatusOr<std::vector<T>> Read(const std::string& name) const {
    ASSIGN_OR_RETURN(const graph::ConstTensor output, Output(name));
    return output.Read<T>();
  }

  const std::vector<Parameter>& parameters() const { return parameters_; }
  const graph::Executable& executable() const { return *executable_; }

 private:
  ForwardNet() = default;
  absl::StatusOr<graph::Net> BuildNet(const std::string& net_name,
                                      const graph::SchemaRegistry& registry,
                                      const std::function<Outputs(ModelBuilder*)>& build);

  std::unique_ptr<graph::Executable> executable_;
  std::vector<Parameter> parameters_;
  std::map<std::string, std::string> blob_of_output_;
};

}  // namespace models

#endif  // MODELS_TRAINING_FORWARD_NET_H_
