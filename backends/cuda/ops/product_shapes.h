// Helpers for the shape inference and the costs of operators that are products with an epilogue.
#ifndef BACKENDS_CUDA_OPS_PRODUCT_SHAPES_H_
#define BACKENDS_CUDA_OPS_PRODUCT_SHAPES_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "graph/base/types.h"
#include "graph/schema/schema.h"
#include "ops/shapes.h"

namespace ops::cuda {

// The product of input 0, (..., K), with input 1, of its dtype: (N, K...) for `trans_w`, else
// (K, N...). (..., N) in that dtype.
absl::StatusOr<graph::TensorType> InferProduct(const graph::InferContext& c, bool trans_w);
// Input 2 is a bias of `cols` columns, in what sums of input 0 are kept in.
absl::Status ExpectBias(const graph::InferContext& c, int64_t cols);

// The operations of input 0 with a matrix, and `each` for an element of output 0; bytes of all
// inputs and outputs.
graph::CostFn ProductCost(double each);

}  // namespace ops::cuda

#endif  // BACKENDS_CUDA_OPS_PRODUCT_SHAPES_H_
