#include "ops/linear.h"

#include "graph/base/status.h"
#include "graph/schema/gradient.h"
#include "ops/shapes.h"

namespace ops {
namespace {

absl::StatusOr<std::vector<graph::TensorType>> InferLinear(const graph::InferContext& c) {
  RETURN_IF_ERROR(graph::ExpectFloat(c, 0));
  RETURN_IF_ERROR(graph::ExpectMinRank(c, 0, 1));
  RETURN_IF_ERROR(graph::ExpectSameDType(c, 1, 0));
  RETURN_IF_ERROR(graph::ExpectMinRank(c, 1, 2));
  if (c.in(0).dtype != graph::DType::kBF16 || c.in(2).dtype != graph::DType::kBF16) {
    RETURN_IF_ERROR(graph::ExpectDType(c, 2, WideDType(c.in(0).dtype)));
  }
  ASSIGN_OR_RETURN(const int64_t n, ProductCols(c, /*trans_w=*/true));
  return LinearResult(c, n, /*bias=*/2);
}

absl::Status LinearGradient(graph::GradientBuilder* g) {
  if (g->forward().Str("activation") != "none") {
    return graph::InvalidArgument(g->forward().Describe(),
                                  ": the pre-activation is gone; differentiate before the "
                                  "linear_fusion pass");
  }
  RETURN_IF_ERROR(ExpectOneDType(*g));
  const graph::BlobId dy = g->GradOut(0);
  if (g->NeedsGrad(0)) {
    g->SetGrad(0, g->Op("MatMul", {dy, g->In(1)}, {{"trans_w", int64_t{0}}}, "x"));
  }
  if (g->NeedsGrad(1)) {
    g->SetGrad(
        1, g->Op("MatMulWeightGrad", {dy, g->In(0)}, {{"shape", ShapeAttr(g->InType(1))}}, "w"));
  }
  if (g->NeedsGrad(2)) {
    g->SetGrad(2, g->Op("SumToShape", {dy}, {{"shape", ShapeAttr(g->InType(2))}}, "b"));
  }
  return absl::OkStatus();
}

}  // namespace

void RegisterLinear(graph::SchemaRegistry* registry) {
  registry->Add(
      graph::Schema("Linear", "y = act(x·wᵀ + b)")
          .Input("x", "(..., K)", graph::RowUse::kSameRow)
          .Input("w", "(N, K)", graph::RowUse::kAllRows)
          .Input("b", "(N)", graph::RowUse::kAllRows)
          .Output("y", "(..., N)")
          .Attr("activation", std::string("none"), "none or gelu")
          .OptionalAttr("dtype", std::string("same"), "element type of y: same as x, f32, bf16")
          .LowPrecision({0, 1}, {0})
          .Infer(InferLinear)
          .Cost([](const graph::Op& op, absl::Span<const graph::TensorType> in,
                   absl::Span<const graph::TensorType> out) {
            return CostOf(LinearFlops(op, in[0], out[0]), in, out);
          })
          .Gradient(LinearGradient));
}

}  // namespace ops
