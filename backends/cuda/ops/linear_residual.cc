#include "backends/cuda/ops/linear_residual.h"

#include "backends/cuda/ops/product_shapes.h"
#include "graph/base/status.h"

namespace ops::cuda {
namespace {

absl::StatusOr<std::vector<graph::TensorType>> InferLinearResidual(const graph::InferContext& c) {
  ASSIGN_OR_RETURN(graph::TensorType y, InferProduct(c, /*trans_w=*/true));
  RETURN_IF_ERROR(ExpectBias(c, y.cols()));
  y.dtype = WideDType(y.dtype);
  RETURN_IF_ERROR(ExpectType(c, 3, y));
  return std::vector<graph::TensorType>{y};
}

}  // namespace

void RegisterLinearResidual(graph::SchemaRegistry* registry) {
  registry->Add(graph::Schema("LinearResidual", "y = x·wᵀ + b + residual")
                    .Input("x", "(..., K)", graph::RowUse::kSameRow)
                    .Input("w", "(N, K)", graph::RowUse::kAllRows)
                    .Input("b", "(N)", graph::RowUse::kAllRows)
                    .Input("residual", "(..., N)", graph::RowUse::kSameRow)
                    .Output("y", "(..., N)")
                    .InPlace(3, 0)
                    .LowPrecision({0, 1}, {})
                    .Infer(InferLinearResidual)
                    .Cost(ProductCost(2))
                    .NotDifferentiable(
                        "the linear_residual_fusion pass runs after the gradient is made"));
}

}  // namespace ops::cuda
