#include "backends/cpu/ops/quantized_linear.h"

#include <cmath>
#include <limits>

#include "backends/cpu/ops/pack_weights.h"
#include "graph/base/status.h"
#include "ops/shapes.h"

namespace ops::cpu {
namespace {

graph::Shape QuantizedShape(int64_t k, int64_t n) {
  graph::Shape shape = PackedShape(k, n);
  shape[0] += 16;
  return shape;
}

absl::StatusOr<std::vector<graph::TensorType>> InferQuantizeWeights(const graph::InferContext& c) {
  RETURN_IF_ERROR(graph::ExpectFloat(c, 0));
  RETURN_IF_ERROR(graph::ExpectMinRank(c, 0, 2));
  const graph::TensorType& w = c.in(0);
  if (w.dim(0) > 0 && w.elements() == 0) {
    return Reject(c, InputText(c, 0, "w"), " has rows of nothing, which have no scale");
  }
  const graph::Shape shape = QuantizedShape(Rest(w.shape), w.dim(0));
  if (!graph::IsValidShape(shape)) {
    return Reject(c, InputText(c, 0, "w"), " is too large to be padded to multiples of 64");
  }
  return std::vector<graph::TensorType>{{graph::DType::kI8, shape},
                                        {WideDType(w.dtype), {w.dim(0)}}};
}

absl::StatusOr<std::vector<graph::TensorType>> InferQuantizedLinear(const graph::InferContext& c) {
  RETURN_IF_ERROR(graph::ExpectFloat(c, 0));
  RETURN_IF_ERROR(graph::ExpectRank(c, 0, 3));
  RETURN_IF_ERROR(graph::ExpectDType(c, 1, graph::DType::kI8));
  RETURN_IF_ERROR(graph::ExpectDType(c, 2, WideDType(c.in(0).dtype)));
  RETURN_IF_ERROR(graph::ExpectRank(c, 2, 1));
  RETURN_IF_ERROR(graph::ExpectSameDType(c, 3, 2));
  const int64_t n = c.in(2).dim(0);
  if (c.in(0).cols() == 0) {
    return Reject(c, InputText(c, 0, "x"), " has tokens of nothing, which have no scale");
  }
  if (c.in(1).shape != QuantizedShape(c.in(0).cols(), n)) {
    return Reject(c, InputText(c, 1, "packed"), " is not what QuantizeWeights makes of ", n,
                  " rows, those of ", InputText(c, 2, "scales"), ", and ", c.in(0).cols(),
                  " columns, those of ", InputText(c, 0, "x"));
  }
  return LinearResult(c, n, /*bias=*/3);
}

}  // namespace

QuantizationScale::QuantizationScale(float max) {
  if (!std::isfinite(max)) {
    scale = std::numeric_limits<float>::quiet_NaN();
    inverse = 0.0f;
  } else {
    scale = max / 127.0f;
    // Below the smallest normal number the quotient would overflow.
    inverse = scale < std::numeric_limits<float>::min() ? 0.0f : 127.0f / max;
  }
}

void RegisterQuantizedLinear(graph::SchemaRegistry* registry) {
  registry->Add(graph::Schema("QuantizeWeights", "w in 8 bits, each row with its scale")
                    .Input("w", "(N, K)", graph::RowUse::kAllRows)
                    .Output("packed", "(K, N), both rounded up to 64, K plus 16")
                    .Output("scales", "(N)")
                    .Infer(InferQuantizeWeights)
                    .ElementwiseCost(3)
                    .NotDifferentiable("rounding has no gradient"));
  registry->Add(
      graph::Schema("QuantizedLinear", "y = act(x·wᵀ + b), the product in 8 bits")
          .Input("x", "(B, T, K)", graph::RowUse::kAllRows)
          .Input("packed", "(K, N) of QuantizeWeights", graph::RowUse::kAllRows)
          .Input("scales", "(N)", graph::RowUse::kAllRows)
          .Input("b", "(N)", graph::RowUse::kAllRows)
          .Output("y", "(B, T, N)")
          .Attr("activation", std::string("none"), "none or gelu")
          .OptionalAttr("dtype", std::string("same"), "element type of y: same as x, f32, bf16")
          .Infer(InferQuantizedLinear)
          .Cost([](const graph::Op& op, absl::Span<const graph::TensorType> in,
                   absl::Span<const graph::TensorType> out) {
            return CostOf(
                LinearFlops(op, in[0], out[0]) + 3.0 * static_cast<double>(in[0].elements()), in,
                out);
          })
          .NotDifferentiable("rounding has no gradient; quantize after differentiation"));
}

}  // namespace ops::cpu
