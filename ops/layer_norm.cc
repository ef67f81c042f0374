#include "ops/layer_norm.h"

#include "graph/base/status.h"
#include "graph/schema/gradient.h"
#include "ops/shapes.h"

namespace ops {
namespace {

absl::StatusOr<std::vector<graph::TensorType>> InferLayerNorm(const graph::InferContext& c) {
  RETURN_IF_ERROR(graph::ExpectFloat(c, 0));
  RETURN_IF_ERROR(graph::ExpectMinRank(c, 0, 1));
  const graph::DType wide = WideDType(c.in(0).dtype);
  for (int i : {1, 2}) RETURN_IF_ERROR(ExpectType(c, i, {wide, {c.in(0).cols()}}));
  RETURN_IF_ERROR(ExpectEps(c));
  ASSIGN_OR_RETURN(const graph::DType dtype, OutputDType(c));
  const graph::TensorType statistics{wide, LeadingShape(c.in(0))};
  return std::vector<graph::TensorType>{{dtype, c.in(0).shape}, statistics, statistics};
}

absl::StatusOr<std::vector<graph::TensorType>> InferLayerNormGrad(const graph::InferContext& c) {
  RETURN_IF_ERROR(graph::ExpectFloat(c, 0));
  RETURN_IF_ERROR(graph::ExpectMinRank(c, 0, 1));
  const graph::DType wide = WideDType(c.in(0).dtype);
  for (int i : {1, 2, 3}) RETURN_IF_ERROR(graph::ExpectDType(c, i, wide));
  RETURN_IF_ERROR(graph::ExpectShape(c, 1, {c.in(0).cols()}));
  for (int i : {2, 3}) RETURN_IF_ERROR(graph::ExpectShape(c, i, LeadingShape(c.in(0))));
  RETURN_IF_ERROR(ExpectAnyPrecision(c, 4));
  RETURN_IF_ERROR(graph::ExpectShape(c, 4, c.in(0).shape));
  if (c.inputs.size() > 5) RETURN_IF_ERROR(ExpectType(c, 5, {wide, c.in(0).shape}));
  RETURN_IF_ERROR(ExpectEps(c));
  return std::vector<graph::TensorType>{{c.in(1).dtype, c.in(0).shape}, c.in(1), c.in(1)};
}

absl::Status LayerNormGradient(graph::GradientBuilder* g) {
  if (g->GradOut(1) != graph::kNone || g->GradOut(2) != graph::kNone) {
    return graph::InvalidArgument(g->forward().Describe(), ": mean and variance have no gradient");
  }
  const std::vector<graph::BlobId> grads =
      g->OpN("LayerNormGrad", {g->In(0), g->In(1), g->Out(1), g->Out(2), g->GradOut(0)},
             {{"eps", g->forward().Float("eps")}});
  for (int i = 0; i < 3; ++i) g->SetGrad(i, grads[i]);
  return absl::OkStatus();
}

}  // namespace

void RegisterLayerNorm(graph::SchemaRegistry* registry) {
  registry->Add(
      graph::Schema("LayerNorm", "y = (x - mean)/sqrt(variance + eps)·gamma + beta, per row")
          .Input("x", "(..., C)", graph::RowUse::kSameRow)
          .Input("gamma", "(C)", graph::RowUse::kAllRows)
          .Input("beta", "(C)", graph::RowUse::kAllRows)
          .Output("y", "(..., C)")
          .Output("mean", "(...)")
          .Output("variance", "(...)")
          .Attr("eps", 1e-6f, "added to the variance")
          .OptionalAttr("dtype", std::string("same"), "element type of y: same as x, f32, bf16")
          .LowPrecision({}, {0})
          .AnyPrecision({0})
          .Infer(InferLayerNorm)
          .ElementwiseCost(8)
          .Gradient(LayerNormGradient));
  registry->Add(graph::Schema("LayerNormGrad", "the gradients of LayerNorm")
                    .Input("x", "(..., C)", graph::RowUse::kAllRows)
                    .Input("gamma", "(C)", graph::RowUse::kAllRows)
                    .Input("mean", "(...)", graph::RowUse::kAllRows)
                    .Input("variance", "(...)", graph::RowUse::kAllRows)
                    .Input("dy", "(..., C)", graph::RowUse::kAllRows)
                    .OptionalInput("skip", "(..., C)", graph::RowUse::kAllRows)
                    .Output("dx", "(..., C)")
                    .Output("dgamma", "(C)")
                    .Output("dbeta", "(C)")
                    .Attr("eps", 1e-6f, "the forward operator's")
                    .InPlace(5, 0)
                    .InPlace(4, 0)
                    .LowPrecision({4}, {})
                    .AnyPrecision({0})
                    .Infer(InferLayerNormGrad)
                    .ElementwiseCost(14)
                    .NotDifferentiable("second-order gradients are not supported"));
}

}  // namespace ops
