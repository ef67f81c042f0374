#include "models/layers/model_builder.h"

#include "graph/base/status.h"

namespace models {

using graph::BlobId;

graph::TensorType ModelBuilder::Type(std::vector<int64_t> shape) const {
  return {dtype_, graph::Shape(shape.begin(), shape.end())};
}

BlobId ModelBuilder::Param(const std::string& name, std::vector<int64_t> shape, Initializer init,
                           ParameterSpec spec) {
  const graph::TensorType type = Type(std::move(shape));
  const bool buffer = spec.kind == ParameterKind::kBuffer;
  const BlobId blob = net_->State(buffer ? buffer_scope_ + name : name, type);
  if (blob_of_parameter_.emplace(name, blob).second) {
    parameters_.push_back({name, type, std::move(init), spec});
  }
  return blob;
}

void ModelBuilder::UpdateBuffer(BlobId blob, BlobId value) {
  for (const Parameter& p : parameters_) {
    if (blob_of_parameter_[p.name] != blob || p.spec.kind != ParameterKind::kBuffer) continue;
    if (!buffer_values_.emplace(p.name, value).second) {
      net_->Fail(graph::InvalidArgument("buffer '", p.name, "' is updated twice"));
    }
    return;
  }
  net_->Fail(graph::InvalidArgument("blob ", blob, " is no buffer, but is updated as one"));
}

BlobId ModelBuilder::Op(const std::string& type, const std::string& name,
                        std::vector<BlobId> inputs, graph::Attrs attrs) {
  return net_->Op(type, scope_ + name, std::move(inputs), std::move(attrs));
}

std::vector<BlobId> ModelBuilder::OpN(const std::string& type, const std::string& name,
                                      std::vector<BlobId> inputs, graph::Attrs attrs) {
  return net_->OpN(type, scope_ + name, std::move(inputs), std::move(attrs));
}

}  // namespace models
