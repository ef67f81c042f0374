#include "models/layers/model_builder.h"

namespace models {

using graph::BlobId;

graph::TensorType ModelBuilder::Type(std::vector<int64_t> shape) const {
  return {dtype_, graph::Shape(shape.begin(), shape.end())};
}

BlobId ModelBuilder::Param(const std::string& name, std::vector<int64_t> shape, Initializer init,
                           bool trainable) {
  const graph::TensorType type = Type(std::move(shape));
  const BlobId blob = net_->State(name, type);
  if (blob_of_parameter_.emplace(name, blob).second) {
    parameters_.push_back({name, type, std::move(init), trainable});
  }
  return blob;
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
