#include "ops/matmul.h"

#include "graph/base/status.h"
#include "graph/schema/gradient.h"
#include "ops/shapes.h"

namespace ops {
namespace {

absl::StatusOr<std::vector<graph::TensorType>> InferMatMul(const graph::InferContext& c) {
  RETURN_IF_ERROR(graph::ExpectFloat(c, 0));
  RETURN_IF_ERROR(graph::ExpectMinRank(c, 0, 1));
  RETURN_IF_ERROR(graph::ExpectSameDType(c, 1, 0));
  RETURN_IF_ERROR(graph::ExpectMinRank(c, 1, 2));
  RETURN_IF_ERROR(ExpectZeroOrOne(c, "trans_w"));
  graph::TensorType y = c.in(0);
  ASSIGN_OR_RETURN(y.shape.back(), ProductCols(c, c.op.Int("trans_w") != 0));
  ASSIGN_OR_RETURN(y.dtype, OutputDType(c));
  if (c.inputs.size() > 2) {
    RETURN_IF_ERROR(ExpectAnyPrecision(c, 2));
    RETURN_IF_ERROR(graph::ExpectShape(c, 2, y.shape));
  }
  return std::vector<graph::TensorType>{y};
}

absl::StatusOr<std::vector<graph::TensorType>> InferWeightGrad(const graph::InferContext& c) {
  RETURN_IF_ERROR(graph::ExpectFloat(c, 0));
  RETURN_IF_ERROR(graph::ExpectMinRank(c, 0, 1));
  RETURN_IF_ERROR(graph::ExpectSameDType(c, 1, 0));
  RETURN_IF_ERROR(graph::ExpectMinRank(c, 1, 1));
  ASSIGN_OR_RETURN(const graph::Shape shape, ExpectShapeAttr(c));
  if (c.in(0).rows() != c.in(1).rows()) {
    return Reject(c, InputText(c, 0, "a"), " and ", InputText(c, 1, "b"), " have ", c.in(0).rows(),
                  " and ", c.in(1).rows(), " rows, must have the same");
  }
  if (shape.size() < 2 || shape[0] != c.in(0).cols() || Rest(shape) != c.in(1).cols()) {
    return Reject(c, "attribute 'shape' ", graph::ShapeString(shape), " is not a matrix of ",
                  c.in(0).cols(), " by ", c.in(1).cols(), ", the columns of ", InputText(c, 0, "a"),
                  " and ", InputText(c, 1, "b"));
  }
  return std::vector<graph::TensorType>{{WideDType(c.in(0).dtype), shape}};
}

absl::Status MatMulGradient(graph::GradientBuilder* g) {
  const int64_t trans_w = g->forward().Int("trans_w");
  RETURN_IF_ERROR(ExpectOneDType(*g));
  if (g->num_inputs() > 2) {
    return graph::InvalidArgument(g->forward().Describe(),
                                  ": the product alone is gone; differentiate before the "
                                  "backend's passes");
  }
  if (g->NeedsGrad(0)) {
    g->SetGrad(0, g->Op("MatMul", {g->GradOut(0), g->In(1)}, {{"trans_w", 1 - trans_w}}, "x"));
  }
  if (g->NeedsGrad(1)) {
    const graph::BlobId a = trans_w ? g->GradOut(0) : g->In(0);
    const graph::BlobId b = trans_w ? g->In(0) : g->GradOut(0);
    g->SetGrad(1, g->Op("MatMulWeightGrad", {a, b}, {{"shape", ShapeAttr(g->InType(1))}}, "w"));
  }
  return absl::OkStatus();
}

}  // namespace

void RegisterMatMul(graph::SchemaRegistry* registry) {
  registry->Add(
      graph::Schema("MatMul", "y = x·wᵀ or x·w, times times")
          .Input("x", "(..., K)", graph::RowUse::kSameRow)
          .Input("w", "(N, K) or (K, N)", graph::RowUse::kAllRows)
          .OptionalInput("times", "(..., N)", graph::RowUse::kSameRow)
          .Output("y", "(..., N)")
          .Attr("trans_w", int64_t{1}, "1: w is (N, K); 0: w is (K, N)")
          .OptionalAttr("dtype", std::string("same"), "element type of y: same as x, f32, bf16")
          .LowPrecision({0, 1}, {0})
          .AnyPrecision({2})
          .Infer(InferMatMul)
          .Cost([](const graph::Op&, absl::Span<const graph::TensorType> in,
                   absl::Span<const graph::TensorType> out) {
            return CostOf(MatMulFlops(in[0], out[0].cols()), in, out);
          })
          .Gradient(MatMulGradient));
  registry->Add(graph::Schema("MatMulWeightGrad", "y = aᵀ·b")
                    .Input("a", "(..., M)", graph::RowUse::kAllRows)
                    .Input("b", "(..., N)", graph::RowUse::kAllRows)
                    .Output("y", "(M, N)")
                    .Attr("shape", std::vector<int64_t>{}, "shape of y: M, then factors of N")
                    .LowPrecision({0, 1}, {})
                    .Infer(InferWeightGrad)
                    .Cost([](const graph::Op&, absl::Span<const graph::TensorType> in,
                             absl::Span<const graph::TensorType> out) {
                      return CostOf(MatMulFlops(in[0], in[1].cols()), in, out);
                    })
                    .NotDifferentiable("second-order gradients are not supported"));
}

}  // namespace ops
