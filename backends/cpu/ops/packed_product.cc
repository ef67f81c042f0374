#include "backends/cpu/ops/packed_product.h"

#include "backends/cpu/ops/pack_weights.h"
#include "graph/base/status.h"
#include "ops/shapes.h"

namespace ops::cpu {
namespace {

absl::Status ExpectPacked(const graph::InferContext& c) {
  RETURN_IF_ERROR(graph::ExpectFloat(c, 0));
  RETURN_IF_ERROR(graph::ExpectMinRank(c, 0, 1));
  RETURN_IF_ERROR(graph::ExpectSameDType(c, 1, 0));
  const int64_t k = c.in(0).cols(), cols = c.op.Int("cols");
  if (cols >= 0 && cols <= int64_t{1} << 48 && c.in(1).shape == PackedShape(k, cols)) {
    return absl::OkStatus();
  }
  return Reject(c, InputText(c, 1, "packed"), " is not what PackWeights makes of ", k, " rows and ",
                cols, " columns, those of ", InputText(c, 0, "x"), " and of attribute 'cols'");
}

absl::StatusOr<std::vector<graph::TensorType>> InferPackedMatMul(const graph::InferContext& c) {
  RETURN_IF_ERROR(ExpectPacked(c));
  graph::TensorType y = c.in(0);
  y.shape.back() = c.op.Int("cols");
  ASSIGN_OR_RETURN(y.dtype, OutputDType(c));
  if (c.inputs.size() > 2) {
    RETURN_IF_ERROR(ExpectAnyPrecision(c, 2));
    RETURN_IF_ERROR(graph::ExpectShape(c, 2, y.shape));
  }
  return std::vector<graph::TensorType>{y};
}

absl::StatusOr<std::vector<graph::TensorType>> InferPackedLinear(const graph::InferContext& c) {
  RETURN_IF_ERROR(ExpectPacked(c));
  RETURN_IF_ERROR(graph::ExpectDType(c, 2, WideDType(c.in(0).dtype)));
  return LinearResult(c, c.op.Int("cols"), /*bias=*/2);
}

// What the two have in common.
graph::Schema Product(std::string type, std::string doc) {
  return graph::Schema(std::move(type), std::move(doc))
      .Input("x", "(..., K)", graph::RowUse::kSameRow)
      .Input("packed", "(K, N) of PackWeights", graph::RowUse::kAllRows)
      .Output("y", "(..., N)")
      .Attr("cols", int64_t{0}, "N of y")
      .OptionalAttr("dtype", std::string("same"), "element type of y: same as x, f32, bf16")
      .NotDifferentiable("weights are packed after differentiation");
}

}  // namespace

void RegisterPackedProduct(graph::SchemaRegistry* registry) {
  registry->Add(Product("PackedMatMul", "y = x·B, times times")
                    .OptionalInput("times", "(..., N)", graph::RowUse::kSameRow)
                    .Infer(InferPackedMatMul)
                    .Cost([](const graph::Op&, absl::Span<const graph::TensorType> in,
                             absl::Span<const graph::TensorType> out) {
                      return CostOf(MatMulFlops(in[0], out[0].cols()), in, out);
                    }));
  registry->Add(Product("PackedLinear", "y = act(x·B + b)")
                    .Input("b", "(N)", graph::RowUse::kAllRows)
                    .Attr("activation", std::string("none"), "none or gelu")
                    .Infer(InferPackedLinear)
                    .Cost([](const graph::Op& op, absl::Span<const graph::TensorType> in,
                             absl::Span<const graph::TensorType> out) {
                      return CostOf(LinearFlops(op, in[0], out[0]), in, out);
                    }));
}

}  // namespace ops::cpu
