#include "ops/shapes.h"

#include <cmath>
#include <limits>

#include "graph/base/status.h"

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

std::vector<int64_t> ShapeAttr(const graph::TensorType& type) {
  return std::vector<int64_t>(type.shape.begin(), type.shape.end());
}

absl::StatusOr<graph::Shape> ExpectShapeAttr(const graph::InferContext& c) {
  const auto& dims = c.op.Ints("shape");
  if (dims.empty()) return Reject(c, "attribute 'shape' is empty; a scalar has shape [1]");
  for (int64_t d : dims) {
    if (d >= 0) continue;
    return Reject(c, "attribute 'shape' ", graph::ShapeString(dims), " has a negative dimension");
  }
  if (!graph::IsValidShape(dims)) {
    return Reject(c, "attribute 'shape' ", graph::ShapeString(dims),
                  " has more elements than a tensor may have, 2^48");
  }
  return graph::Shape(dims.begin(), dims.end());
}

absl::Status ExpectIntAtLeast(const graph::InferContext& c, const std::string& attr, int64_t min) {
  const int64_t value = c.op.Int(attr);
  if (value >= min) return absl::OkStatus();
  return Reject(c, "attribute '", attr, "' is ", value, ", must be at least ", min);
}

absl::Status ExpectZeroOrOne(const graph::InferContext& c, const std::string& attr) {
  const int64_t value = c.op.Int(attr);
  if (value == 0 || value == 1) return absl::OkStatus();
  return Reject(c, "attribute '", attr, "' is ", value, ", must be 0 or 1");
}

absl::Status ExpectEps(const graph::InferContext& c) {
  if (c.op.Float("eps") >= 0.0f) return absl::OkStatus();
  return Reject(c, "attribute 'eps' is ", c.op.Float("eps"), ", must be at least 0");
}

absl::Status ExpectRates(const graph::InferContext& c, const std::string& attr,
                         absl::Span<const float> values) {
  for (float value : values) {
    if (value >= 0.0f && !std::isinf(value)) continue;
    return Reject(c, "attribute '", attr, "' is ", value, ", must be finite and at least 0");
  }
  return absl::OkStatus();
}

absl::Status ExpectOneEach(const graph::InferContext& c, const std::string& attr, size_t size,
                           int n) {
  if (static_cast<int>(size) == n) return absl::OkStatus();
  return Reject(c, "attribute '", attr, "' has ", size, " numbers for ", n, " parameters");
}

absl::Status ExpectPlaces(const graph::InferContext& c, int input, absl::string_view name, int n) {
  const std::vector<int64_t>& indices = c.op.Ints("indices");
  RETURN_IF_ERROR(ExpectOneEach(c, "indices", indices.size(), n));
  for (int64_t index : indices) {
    if (index >= 0 && index < c.in(input).elements()) continue;
    return Reject(c, "attribute 'indices' has ", index, ", outside ", InputText(c, input, name));
  }
  return absl::OkStatus();
}

absl::Status ExpectType(const graph::InferContext& c, int input, const graph::TensorType& type) {
  RETURN_IF_ERROR(graph::ExpectDType(c, input, type.dtype));
  return graph::ExpectShape(c, input, type.shape);
}

absl::Status ExpectRowRange(const graph::InferContext& c, absl::string_view name, int64_t count,
                            int64_t rows) {
  RETURN_IF_ERROR(ExpectIntAtLeast(c, "start", 0));
  const int64_t start = c.op.Int("start");
  if (count <= rows && start <= rows - count) return absl::OkStatus();
  return Reject(c, count, " rows of ", InputText(c, 0, name), " from ", start,
                " on do not fit into ", rows, " rows");
}

absl::Status ExpectEvenGroups(const graph::InferContext& c, int input, int64_t images) {
  RETURN_IF_ERROR(graph::ExpectMinRank(c, input, 1));
  const int64_t groups = c.in(input).dim(0);
  if (groups > 0 && images % groups == 0 && images / groups % 2 == 0) return absl::OkStatus();
  return Reject(c, "input ", input, " (", c.in(input).ToString(), ") asks for ", groups,
                " groups of equal and even size, but there are ", images, " images");
}

absl::Status ExpectScalar(const graph::InferContext& c, int input) {
  return graph::ExpectShape(c, input, {1});
}

absl::Status ExpectImageScales(const graph::InferContext& c, int input) {
  RETURN_IF_ERROR(graph::ExpectDType(c, input, WideDType(c.in(0).dtype)));
  const graph::TensorType& scales = c.in(input);
  if (scales.rank() > 2 || scales.cols() != c.in(0).dim(0)) {
    return Reject(c, "input ", input, " (", scales.ToString(), ") must be (B) or (N, B), of B=",
                  c.in(0).dim(0), " images");
  }
  const int64_t index = c.op.Int("index");
  if (index >= 0 && index < scales.rows()) return absl::OkStatus();
  return Reject(c, "attribute 'index' is ", index, ", outside the ", scales.rows(), " rows of ",
                InputText(c, input, "scales"));
}

graph::DType WideDType(graph::DType dtype) {
  return dtype == graph::DType::kBF16 ? graph::DType::kF32 : dtype;
}

absl::Status ExpectAnyPrecision(const graph::InferContext& c, int input) {
  RETURN_IF_ERROR(graph::ExpectFloat(c, input));
  if (WideDType(c.in(input).dtype) == WideDType(c.in(0).dtype)) return absl::OkStatus();
  return Reject(c, "input ", input, " (", c.in(input).ToString(),
                ") must be f64 exactly where input 0 (", c.in(0).ToString(), ") is");
}

absl::StatusOr<graph::DType> OutputDType(const graph::InferContext& c) {
  const std::string& text = c.op.Str("dtype");
  if (text == "same") return c.in(0).dtype;
  const auto dtype = graph::ParseDType(text);
  if (!dtype || !graph::IsFloat(*dtype)) {
    return Reject(c, "attribute 'dtype' is '", text, "', must be same, f32, bf16 or f64");
  }
  if (WideDType(*dtype) != WideDType(c.in(0).dtype)) {
    return Reject(c, "attribute 'dtype' is '", text, "', but f64 goes with f64 inputs only; input ",
                  "0 is ", c.in(0).ToString());
  }
  return *dtype;
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

absl::StatusOr<int64_t> ProductCols(const graph::InferContext& c, bool trans_w) {
  const graph::TensorType& w = c.in(1);
  const int64_t k = c.in(0).cols(), takes = trans_w ? Rest(w.shape) : w.dim(0);
  if (k == takes) return trans_w ? w.dim(0) : Rest(w.shape);
  return Reject(c, InputText(c, 0, "x"), " has ", k, " columns, but ", InputText(c, 1, "w"),
                " with trans_w=", int{trans_w}, " takes ", takes);
}

absl::StatusOr<std::vector<graph::TensorType>> LinearResult(const graph::InferContext& c, int64_t n,
                                                            int bias) {
  if (c.in(bias).elements() != n || c.in(bias).cols() != n) {
    return Reject(c, InputText(c, bias, "b"), " must have shape [", n, "]");
  }
  const std::string& activation = c.op.Str("activation");
  if (activation != "none" && activation != "gelu") {
    return Reject(c, "attribute 'activation' is '", activation, "', must be none or gelu");
  }
  graph::TensorType y = c.in(0);
  y.shape.back() = n;
  ASSIGN_OR_RETURN(y.dtype, OutputDType(c));
  return std::vector<graph::TensorType>{y};
}

absl::Status ExpectOneDType(const graph::GradientBuilder& g) {
  if (g.InType(0).dtype != graph::DType::kBF16 && g.OutType(0).dtype == g.InType(0).dtype) {
    return absl::OkStatus();
  }
  return graph::InvalidArgument(g.forward().Describe(),
                                " computes in bf16; differentiate before the mixed_precision pass");
}

double MatMulFlops(const graph::TensorType& x, int64_t cols) {
  return 2.0 * static_cast<double>(x.elements()) * static_cast<double>(cols);
}

double LinearFlops(const graph::Op& op, const graph::TensorType& x, const graph::TensorType& y) {
  const double epilogue = op.Str("activation") == "gelu" ? 11 : 1;
  return MatMulFlops(x, y.cols()) + epilogue * static_cast<double>(y.elements());
}

graph::CostFn InputCost(double flops_per_element) {
  return [=](const graph::Op&, absl::Span<const graph::TensorType> in,
             absl::Span<const graph::TensorType> out) {
    return CostOf(flops_per_element * static_cast<double>(in[0].elements()), in, out);
  };
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
