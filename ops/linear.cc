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
  RETURN_IF_ERROR(graph::ExpectSameDType(c, 2, 0));
  const graph::TensorType& w = c.in(1);
  if (c.in(0).cols() != Rest(w.shape)) {
    return Reject(c, InputText(c, 0, "x"), " has ", c.in(0).cols(), " columns, but ",
                  InputText(c, 1, "w"), " takes ", Rest(w.shape));
  }
  const int64_t n = w.dim(0);
  if (c.in(2).elements() != n || c.in(2).cols() != n) {
    return Reject(c, InputText(c, 2, "b"), " must have shape [", n, "]");
  }
  const std::string& activation = c.op.Str("activation");
  if (activation != "none" && activation != "gelu") {
    return Reject(c, "attribute 'activation' is '", activation, "', must be none or gelu");
  }
  graph::TensorType y = c.in(0);
  y.shape.back() = n;
  return std::vector<graph::TensorType>{y};
}

absl::Status LinearGradient(graph::GradientBuilder* g) {
  if (g->forward().Str("activation") != "none") {
    return graph::InvalidArgument(g->forward().Describe(),
                                  ": the pre-activation is gone; differentiate before the "
                                  "linear_fusion pass");
  }
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
  registry->Add(graph::Schema("Linear", "y = act(x·wᵀ + b)")
                    .Input("x", "(..., K)", graph::RowUse::kSameRow)
                    .Input("w", "(N, K)", graph::RowUse::kAllRows)
                    .Input("b", "(N)", graph::RowUse::kAllRows)
                    .Output("y", "(..., N)")
                    .Attr("activation", std::string("none"), "none or gelu")
                    .Infer(InferLinear)
                    .Cost([](const graph::Op& op, absl::Span<const graph::TensorType> in,
                             absl::Span<const graph::TensorType> out) {
                      const double epilogue = op.Str("activation") == "gelu" ? 11 : 1;
                      return CostOf(MatMulFlops(in[0], out[0].cols()) +
                                        epilogue * static_cast<double>(out[0].elements()),
                                    in, out);
                    })
                    .Gradient(LinearGradient));
}

}  // namespace ops
