#include "backends/cuda/ops/linear_gelu.h"

#include "backends/cuda/ops/product_shapes.h"
#include "graph/base/status.h"

namespace ops::cuda {
namespace {

constexpr char kAfterwards[] = "the gelu_fusion pass runs after the gradient is made";
// Of an element: those of an exponential and an erf, with what stands around them.
constexpr double kGeluFlops = 10, kDerivativeFlops = 15;

absl::StatusOr<std::vector<graph::TensorType>> InferLinearGelu(const graph::InferContext& c) {
  ASSIGN_OR_RETURN(graph::TensorType y, InferProduct(c, /*trans_w=*/true));
  RETURN_IF_ERROR(ExpectBias(c, y.cols()));
  ASSIGN_OR_RETURN(y.dtype, OutputDType(c));
  return std::vector<graph::TensorType>(2, y);
}

absl::StatusOr<std::vector<graph::TensorType>> InferMatMulGeluGrad(const graph::InferContext& c) {
  RETURN_IF_ERROR(ExpectZeroOrOne(c, "trans_w"));
  ASSIGN_OR_RETURN(graph::TensorType dx, InferProduct(c, c.op.Int("trans_w") != 0));
  ASSIGN_OR_RETURN(dx.dtype, OutputDType(c));
  RETURN_IF_ERROR(ExpectAnyPrecision(c, 2));
  RETURN_IF_ERROR(graph::ExpectShape(c, 2, dx.shape));
  return std::vector<graph::TensorType>{dx};
}

}  // namespace

void RegisterLinearGelu(graph::SchemaRegistry* registry) {
  registry->Add(
      graph::Schema("LinearGelu", "pre = x·wᵀ + b, y = GELU(pre)")
          .Input("x", "(..., K)", graph::RowUse::kSameRow)
          .Input("w", "(N, K)", graph::RowUse::kAllRows)
          .Input("b", "(N)", graph::RowUse::kAllRows)
          .Output("y", "(..., N)")
          .Output("pre", "(..., N)")
          .OptionalAttr("dtype", std::string("same"), "element type of y and pre: same, f32, bf16")
          .LowPrecision({0, 1}, {0, 1})
          .Infer(InferLinearGelu)
          .Cost(ProductCost(1 + kGeluFlops))
          .NotDifferentiable(kAfterwards));
  registry->Add(
      graph::Schema("MatMulGeluGrad", "dx = (dy·w) ∘ GELU'(pre)")
          .Input("dy", "(..., K)", graph::RowUse::kSameRow)
          .Input("w", "(N, K) or (K, N)", graph::RowUse::kAllRows)
          .Input("pre", "(..., N)", graph::RowUse::kSameRow)
          .Output("dx", "(..., N)")
          .Attr("trans_w", int64_t{1}, "1: w is (N, K); 0: w is (K, N)")
          .OptionalAttr("dtype", std::string("same"), "element type of dx: same as dy, f32, bf16")
          .LowPrecision({0, 1}, {0})
          .AnyPrecision({2})
          .Infer(InferMatMulGeluGrad)
          .Cost(ProductCost(kDerivativeFlops))
          .NotDifferentiable(kAfterwards));
}

}  // namespace ops::cuda
