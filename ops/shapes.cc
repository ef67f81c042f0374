#include "ops/shapes.h"

#include <limits>

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
  if (!graph::IsValidShape(dims)) {
    return Reject(c, "attribute '", attr, "' ", graph::ShapeString(dims),
                  " has more elements than a tensor may have, 2^48");
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

absl::Status ExpectFits(const graph::InferContext& c, const std::string& attr, graph::DType dtype) {
  const double value = c.op.Float(attr);
  bool fits = true;  // NaN fits no integer: each comparison with it is false
  if (dtype == graph::DType::kI32) {
    fits = value > -0x1p31 - 1 && value < 0x1p31;
  } else if (dtype == graph::DType::kI64) {
    fits = value >= -0x1p63 && value < 0x1p63;
  } else if (dtype == graph::DType::kU8) {
    fits = value > -1 && value < 256;
  }
  if (fits) return absl::OkStatus();
  return Reject(c, "attribute '", attr, "' is ", value, ", which ", graph::DTypeName(dtype),
                " cannot hold");
}

double MatMulFlops(const graph::TensorType& x, int64_t cols) {
  return 2.0 * static_cast<double>(x.elements()) * static_cast<double>(cols);
}

graph::Cost CostOf(double flops, absl::Span<const graph::TensorType> inputs,
                   absl::Span<const graph::TensorType> outputs) {
  graph::Cost cost;
  cost.flops = flops < 0x1p63 ? static_cast<int64_t>(flops) : std::numeric_limits<int64_t>::max();
  for (const auto& t : inputs) cost.bytes += static_cast<int64_t>(t.bytes());
  for (const auto& t : outputs) cost.bytes += static_cast<int64_t>(t.bytes());
  return cost;
}

}  // namespace ops
