#include "backends/cuda/ops/product_shapes.h"

#include "graph/base/status.h"

namespace ops::cuda {

absl::StatusOr<graph::TensorType> InferProduct(const graph::InferContext& c, bool trans_w) {
  RETURN_IF_ERROR(graph::ExpectFloat(c, 0));
  RETURN_IF_ERROR(graph::ExpectMinRank(c, 0, 1));
  RETURN_IF_ERROR(graph::ExpectSameDType(c, 1, 0));
  RETURN_IF_ERROR(graph::ExpectMinRank(c, 1, 2));
  graph::TensorType y = c.in(0);
  ASSIGN_OR_RETURN(y.shape.back(), ProductCols(c, trans_w));
  return y;
}

absl::Status ExpectBias(const graph::InferContext& c, int64_t cols) {
  RETURN_IF_ERROR(graph::ExpectDType(c, 2, WideDType(c.in(0).dtype)));
  if (c.in(2).elements() == cols && c.in(2).cols() == cols) return absl::OkStatus();
  return Reject(c, InputText(c, 2, "b"), " must have shape [", cols, "]");
}

graph::CostFn ProductCost(double each) {
  return [each](const graph::Op&, absl::Span<const graph::TensorType> in,
                absl::Span<const graph::TensorType> out) {
    return CostOf(MatMulFlops(in[0], out[0].cols()) + each * static_cast<double>(out[0].elements()),
                  in, out);
  };
}

}  // namespace ops::cuda
