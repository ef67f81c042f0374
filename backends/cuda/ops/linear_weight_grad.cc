#include "backends/cuda/ops/linear_weight_grad.h"

#include "graph/base/status.h"
#include "ops/shapes.h"

namespace ops::cuda {
namespace {

absl::StatusOr<std::vector<graph::TensorType>> InferLinearWeightGrad(const graph::InferContext& c) {
  RETURN_IF_ERROR(graph::ExpectFloat(c, 0));
  RETURN_IF_ERROR(graph::ExpectMinRank(c, 0, 1));
  RETURN_IF_ERROR(graph::ExpectSameDType(c, 1, 0));
  RETURN_IF_ERROR(graph::ExpectMinRank(c, 1, 1));
  ASSIGN_OR_RETURN(const graph::Shape shape, ExpectShapeAttr(c));
  const graph::TensorType &a = c.in(0), &b = c.in(1);
  if (a.rows() != b.rows()) {
    return Reject(c, InputText(c, 0, "a"), " and ", InputText(c, 1, "b"), " have ", a.rows(),
                  " and ", b.rows(), " rows, must have the same");
  }
  if (shape.size() < 2 || shape[0] != a.cols() || Rest(shape) != b.cols()) {
    return Reject(c, "attribute 'shape' ", graph::ShapeString(shape), " is not a matrix of ",
                  a.cols(), " by ", b.cols(), ", the columns of ", InputText(c, 0, "a"), " and ",
                  InputText(c, 1, "b"));
  }
  const graph::DType wide = WideDType(a.dtype);
  const graph::TensorType dw = {wide, shape}, db = {wide, {a.cols()}};
  if (c.inputs.size() > 2) RETURN_IF_ERROR(ExpectType(c, 2, dw));
  return std::vector<graph::TensorType>{dw, db};
}

}  // namespace

void RegisterLinearWeightGrad(graph::SchemaRegistry* registry) {
  registry->Add(graph::Schema("LinearWeightGrad", "dw = aᵀ·b, added to so_far; db = sums of a")
                    .Input("a", "(..., M)", graph::RowUse::kAllRows)
                    .Input("b", "(..., N)", graph::RowUse::kAllRows)
                    .OptionalInput("so_far", "(M, N)", graph::RowUse::kAllRows)
                    .Output("dw", "(M, N)")
                    .Output("db", "(M)")
                    .Attr("shape", std::vector<int64_t>{}, "shape of dw: M, then factors of N")
                    .InPlace(2, 0)
                    .LowPrecision({0, 1}, {})
                    .Infer(InferLinearWeightGrad)
                    .Cost([](const graph::Op&, absl::Span<const graph::TensorType> in,
                             absl::Span<const graph::TensorType> out) {
                      const double sums = static_cast<double>(in[0].elements());
                      const double sum = in.size() > 2 ? static_cast<double>(out[0].elements()) : 0;
                      return CostOf(MatMulFlops(in[0], in[1].cols()) + sums + sum, in, out);
                    })
                    .NotDifferentiable("second-order gradients are not supported"));
}

}  // namespace ops::cuda
