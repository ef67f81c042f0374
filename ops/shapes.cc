#include "ops/shapes.h"

namespace ops {

std::string InputText(const graph::InferContext& c, int i, absl::string_view name) {
  return absl::StrCat("input ", i, " (", name, ") ", c.in(i).ToString());
}

int64_t Rest(absl::Span<const int64_t> shape) {
  return shape.empty() ? 1 : graph::NumElements(shape.subspan(1));
}

bool IsSuffix(absl::Span<const int64_t> shape, absl::Span<const int64_t> of) {
  while (!shape.empty() && shape.front() == 1) shape.remove_prefix(1);
  return shape.size() <= of.size() && of.subspan(of.size() - shape.size()) == shape;
}

graph::Shape LeadingShape(const graph::TensorType& type) {
  if (type.rank() <= 1) return {1};
  return graph::Shape(type.shape.begin(), type.shape.end() - 1);
}

graph::Shape ToShape(absl::Span<const int64_t> dims) {
  return graph::Shape(dims.begin(), dims.end());
}

std::vector<int64_t> ShapeAttr(const graph::TensorType& type) {
  return std::vector<int64_t>(type.shape.begin(), type.shape.end());
}

absl::Status ExpectShapeAttr(const graph::InferContext& c, const std::string& attr) {
  const auto& dims = c.op.Ints(attr);
  if (dims.empty()) {
    return Reject(c, "attribute '", attr, "' is empty; a scalar has shape [1]");
  }
  for (int64_t d : dims) {
    if (d < 0) {
      return Reject(c, "attribute '", attr, "' ", graph::ShapeString(dims),
                    " has a negative dimension");
    }
  }
  return absl::OkStatus();
}

absl::Status ExpectIntAtLeast(const graph::InferContext& c, const std::string& attr, int64_t min) {
  const int64_t value = c.op.Int(attr);
  if (value >= min) return absl::OkStatus();
  return Reject(c, "attribute '", attr, "' is ", value, ", must be at least ", min);
}

absl::Status ExpectScalar(const graph::InferContext& c, int input) {
  return graph::ExpectShape(c, input, {1});
}

graph::Cost CostOf(int64_t flops, absl::Span<const graph::TensorType> inputs,
                   absl::Span<const graph::TensorType> outputs) {
  graph::Cost cost;
  cost.flops = flops;
  for (const auto& t : inputs) cost.bytes += static_cast<int64_t>(t.bytes());
  for (const auto& t : outputs) cost.bytes += static_cast<int64_t>(t.bytes());
  return cost;
}

}  // namespace ops
